// What the page tells, at its top.

export const $ = (selector) => document.querySelector(selector);

// Errors stand above; the picture that was chosen stays. A button mends what went wrong.
export function tell(sentence, button) {
  const box = $("#told");
  box.textContent = sentence;
  box.hidden = !sentence;
  if (button) box.append(button);
}

export function makeButton(words, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small";
  button.textContent = words;
  button.addEventListener("click", () => act(button));
  return button;
}
