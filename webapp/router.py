"""Ray Serve's choice of a replica: the one with the fewest unfinished steps."""

from typing import Any

from ray.serve.request_router import (
    FIFOMixin,
    PendingRequest,
    ReplicaID,
    RequestRouter,
    RunningReplica,
)

from generator import fewest_steps


class FewestSteps(FIFOMixin, RequestRouter):
    """Made in the process that sends jobs. Ray copies the class, so it names modules alone."""

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        """From the best to the worst: one that has no room is passed over."""
        sent = pending_request.args if pending_request is not None else []
        job_id = sent[1] if len(sent) == 2 else ""  # of Painter.paint
        best = fewest_steps.LOAD.in_order(
            candidate_replicas, lambda each: each.replica_id, str(job_id)
        )
        return [[each] for each in best]

    def on_request_routed(
        self, pending_request: PendingRequest, replica_id: ReplicaID, result: Any
    ) -> None:
        """Where it went in the end: the best may have had no room."""
        if len(pending_request.args) == 2:
            fewest_steps.LOAD.place(pending_request.args[1], replica_id)
