// A server that starts anew may have forgotten all pictures: the tab keeps its own, once the line is lost.

const KEY = "kept";

// Null where the browser lets no page keep anything.
function storage() {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}

// The picture that the page of a job shows, and its form; for as long as the tab lives.
export function keep(page, image, form) {
  if (!image?.naturalWidth) return;
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  canvas.getContext("2d").drawImage(image, 0, 0);
  const fields = Object.fromEntries(new FormData(form));
  if (fields.keep_seed) fields.seed = form.elements.keep_seed.dataset.seed;
  delete fields.keep_seed;
  try {
    storage()?.setItem(KEY, JSON.stringify({ page, fields, jpeg: canvas.toDataURL("image/jpeg", 0.92) }));
  } catch {
    forget(); // no room: then there is no offer
  }
}

export function forget() {
  storage()?.removeItem(KEY);
}

// What was kept of a page, as the fields of an upload; null if nothing was.
export function keptOf(page) {
  const kept = JSON.parse(storage()?.getItem(KEY) ?? "null");
  if (kept?.page !== page) return null;
  const data = new FormData();
  for (const [name, value] of Object.entries(kept.fields)) data.set(name, value);
  const bytes = Uint8Array.from(atob(kept.jpeg.split(",")[1]), (character) => character.charCodeAt(0));
  data.set("image", new File([bytes], "picture.jpg", { type: "image/jpeg" }));
  return data;
}
