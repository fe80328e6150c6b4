// Follows a job as it goes. Without this the page refreshes itself.
"use strict";

const job = document.querySelector(".job");
const caption = job.querySelector(".caption");
const line = job.querySelector(".status");
const bar = job.querySelector("progress");
const events = new EventSource(job.dataset.events);

function on(name, act) {
  events.addEventListener(name, (event) => act(JSON.parse(event.data)));
}

on("captioning", () => { line.textContent = "Looking at your picture…"; });
on("captioned", (data) => {
  caption.textContent = data.caption;
  document.title = `${data.caption} – Lookalike`;
});
on("queued", () => { line.textContent = "Waiting for a turn…"; });
on("progress", (data) => {
  line.textContent = `Painting: step ${data.step} of ${data.num_steps}`;
  bar.max = data.num_steps;
  bar.value = data.step;
});
// Closed means refused, as a lost connection is opened again: reload, as without scripts.
events.addEventListener("error", () => {
  if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 2000);
});
// The finished page is the server's to draw, the same with and without scripts.
for (const name of ["succeeded", "failed", "cancelled"]) {
  on(name, () => {
    events.close();
    location.reload();
  });
}
