"use strict";
// A button on every block of commands that copies it.
document.querySelectorAll("pre").forEach((block) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  const words = block.textContent;
  // Without a clipboard (a page from the disk in some browsers) the words are selected instead.
  const select = () => getSelection().selectAllChildren(block.querySelector("code") ?? block);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(words);
      button.textContent = "Copied";
    } catch {
      select();
      button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  const holder = document.createElement("div");
  holder.className = "command";
  block.replaceWith(holder);
  holder.append(block, button);
});
