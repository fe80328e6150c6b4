// The page of a job: its words, its progress, and what may be done with a lookalike.
// Without it forms, links and a page that reloads itself do the same.

import { keep } from "./kept.js";
import { $, makeButton, tell } from "./notice.js";
import { offerKept, onePress, post, send, showProblems } from "./sending.js";

const studio = $(".studio");
const LOST_AFTER = 4000; // milliseconds without a word from the server; looked at each second

// ---- Words: painted again from here; one press is one job.

const again = $("form.again");
$("textarea")?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form.requestSubmit();
});
again?.addEventListener("submit", (event) => {
  const address = event.submitter?.getAttribute("formaction");
  if (address?.endsWith("/delete")) return;
  event.preventDefault();
  if (address) cancel(address);
  else onePress(paintAgain);
});

async function paintAgain() {
  const result = await send(again.action, new FormData(again));
  if (result.error) showProblems(again, result);
  if (result.status === 404) {
    keepPicture();
    offerKept(studio.dataset.page);
  }
  return result.id;
}

async function cancel(address) {
  await post(address, new FormData(again));
  swap();
}

function keepPicture() {
  if (again) keep(studio.dataset.page, $(".yours img"), again);
}

// ---- Waiting: the job's events, and what to say when they stop.

let heard = Date.now();
let lost = false;
let spoken = 0;
let retry = null;
let next = null; // look of a tab that nobody sees
let stream = null; // of the job's events
let watch = null;

function say(words) {
  const line = $(".progress-words");
  if (line) line.textContent = words;
}

function setLost(isLost) {
  if (lost === isLost) return;
  lost = isLost;
  if (isLost) keepPicture();
  tell(isLost ? "The connection to the server is lost. This page goes on by itself when it is back." : "");
}

function onProgress(data) {
  const bar = $(".frame progress");
  if (!bar) return;
  bar.max = data.num_steps;
  bar.value = data.step;
  const left = data.seconds ? `, about ${data.seconds} s left` : "";
  say(`Step ${data.step} of ${data.num_steps}${left}`);
  const share = data.step / data.num_steps;
  document.title = `${Math.round(100 * share)} % – Lookalike`;
  const quarter = Math.floor(4 * share);
  if (quarter > spoken) $("[role=status]").textContent = `Painting, ${25 * (spoken = quarter)} percent`;
}

function onPreview(data) {
  const stage = $(".stage");
  const image = new Image();
  image.className = "preview";
  image.alt = "";
  image.src = `${studio.dataset.page}/preview.jpg?step=${data.step}`;
  image.onload = () => {
    stage?.querySelector(".preview")?.remove();
    stage?.append(image);
  };
}

// Puts what the server now draws in place; focus and edited words stay. False if it knows no such job.
async function swap() {
  const answer = await fetch(studio.dataset.page).catch(() => null);
  const isAway = !answer || answer.status >= 502; // a proxy in front says so for it
  setLost(isAway);
  if (isAway) { // a reload would lose this page
    clearTimeout(retry);
    retry = setTimeout(swap, 2000);
    return true;
  }
  if (answer.status === 404 && offerKept(studio.dataset.page)) return false;
  if (!answer.ok) return location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.title = fresh.title;
  for (const part of document.querySelectorAll("[data-swap]")) {
    const news = fresh.querySelector(`[data-swap=${part.dataset.swap}]`);
    if (news && part.innerHTML !== news.innerHTML) part.replaceWith(news);
  }
  const seed = $(".seed");
  if (seed?.hidden) seed.replaceWith(fresh.querySelector(".seed"));
  const words = $("textarea");
  if (words.value === words.defaultValue) words.value = words.defaultValue = fresh.querySelector("textarea").value;
  for (const button of [$(".words button"), fresh.querySelector(".words button")]) button.type = "submit";
  $(".words button").className = fresh.querySelector(".words button").className;
  $(".words button").textContent = fresh.querySelector(".words button").textContent;
  $("[role=status]").textContent = fresh.querySelector("[role=status]").textContent;
  const now = fresh.querySelector(".studio");
  studio.className = now.className;
  studio.dataset.status = now.dataset.status;
  if (now.hasAttribute("data-pending")) setTimeout(swap, 1000); // its siblings are still painted
  enliven();
  return true;
}

function follow() {
  const events = stream = new EventSource(studio.dataset.events);
  const on = (name, act) => events.addEventListener(name, (event) => {
    heard = Date.now();
    setLost(false);
    act(JSON.parse(event.data));
  });
  on("captioning", () => say("Looking at your picture…"));
  on("captioned", (data) => {
    const words = $("textarea");
    if (words.value === words.defaultValue) words.value = words.defaultValue = data.caption;
  });
  on("queued", () => say("Waiting for a turn…"));
  on("progress", onProgress);
  on("previewed", onPreview);
  on("alive", () => {});
  for (const name of ["succeeded", "failed", "cancelled"]) on(name, () => {
    unfollow();
    swap();
  });
  // Closed means refused: the server has started anew, or too many pages follow. The page says which.
  events.addEventListener("error", () => {
    keepPicture(); // the page may be loaded again before all is well
    if (events.readyState !== EventSource.CLOSED) return;
    unfollow();
    setTimeout(resume, 2000);
  });
  heard = Date.now();
  watch = setInterval(() => { if (Date.now() - heard > LOST_AFTER) setLost(true); }, 1000);
}

function unfollow() {
  stream?.close();
  stream = null;
  clearInterval(watch);
}

async function resume() {
  const isKnown = await swap();
  if (isKnown && isWaiting() && !stream && !document.hidden) follow();
}

// A browser has six connections to a server, for all of its tabs: one that nobody sees looks now and then instead.
async function look() {
  if (!document.hidden || !isWaiting()) return;
  unfollow();
  await swap();
  clearTimeout(next);
  next = setTimeout(look, 3000);
}

function isWaiting() {
  return ["queued", "captioning", "running"].includes(studio?.dataset.status);
}

document.addEventListener("visibilitychange", () => {
  if (isWaiting()) document.hidden ? look() : resume();
});
if (isWaiting()) document.hidden ? look() : follow();
else if ("pending" in studio.dataset) setTimeout(swap, 1000);

// ---- The header, and the loading of the models.

async function watchServer() {
  const state = $(".server-state");
  if (!state) return;
  const answer = await fetch(state.dataset.state).catch(() => null);
  if (!answer) keepPicture();
  const told = await answer?.json().catch(() => null);
  state.querySelector(".now").textContent = answer?.status === 401 ? "Needs a key" : told?.state ?? "No answer";
  const notice = $(".loading");
  if (notice && told?.models) showLoading(notice, told.models);
  setTimeout(watchServer, notice ? 500 : 5000);
}

function showLoading(notice, models) {
  if (!models.length) return notice.remove();
  const bars = notice.querySelectorAll("progress");
  const stages = notice.querySelectorAll("small");
  models.forEach((model, index) => {
    bars[index].value = model.loaded_bytes;
    // All is read, and how long the rest takes is not known.
    if (model.loaded_bytes === model.total_bytes) bars[index].removeAttribute("value");
    stages[index].textContent = model.stage;
  });
}
setTimeout(watchServer, 500);

// ---- What may be done with a lookalike.

function enliven() {
  const image = $(".theirs .result");
  if (!image || $(".theirs .grid") || !$(".actions .save")) return;
  const own = $(".yours img");
  addAction("Compare", (button) => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", on);
    on ? compare(image, own) : $(".compare").replaceWith(image.parentElement);
  });
  if (navigator.share || navigator.clipboard) addAction("Share", () => share(image.src));
}

function addAction(words, act) {
  $(".actions .quiet").before(makeButton(words, act));
}

function compare(image, own) {
  const box = document.createElement("div");
  box.className = "compare";
  const under = new Image();
  under.src = own.src;
  under.alt = "";
  const wipe = document.createElement("input");
  Object.assign(wipe, { type: "range", min: 0, max: 100, value: 50 });
  wipe.setAttribute("aria-label", "How much of your picture is shown");
  wipe.addEventListener("input", () => box.style.setProperty("--cut", `${wipe.value}%`));
  const link = image.parentElement;
  link.replaceWith(box);
  box.append(image.cloneNode(), under, wipe);
  link.append(image);
  wipe.focus();
}

async function share(url) {
  const blob = await (await fetch(url)).blob();
  const file = new File([blob], "lookalike.png", { type: "image/png" });
  if (navigator.canShare?.({ files: [file] })) await navigator.share({ files: [file] }).catch(() => {});
  else await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]).catch(() => {});
}
enliven();
