// Follows the loading of the models until all are warm.
"use strict";

const notice = document.querySelector(".loading");

async function followLoading() {
  const answer = await fetch(notice.dataset.progress).catch(() => null);
  const told = await answer?.json().catch(() => null);
  if (told?.models.length === 0) {
    notice.remove();
    return;
  }
  showLoading(told?.models ?? []);
  setTimeout(followLoading, 500);
}

function showLoading(models) {
  const bars = notice.querySelectorAll("progress");
  const stages = notice.querySelectorAll("small");
  models.forEach((model, index) => {
    bars[index].value = model.loaded_bytes;
    // All is read, and how long the rest takes is not known.
    if (model.loaded_bytes === model.total_bytes) bars[index].removeAttribute("value");
    stages[index].textContent = model.stage;
  });
}

followLoading();
