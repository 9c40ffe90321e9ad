"use strict";
(() => {
  // A double click is one press; the form may be sent again after a moment, as when the answer was lost.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 3000);
  });

  // <button data-copy="#id">: copies what stands in that element.
  for (const button of document.querySelectorAll("[data-copy]")) {
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const from = document.querySelector(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(from.value ?? from.textContent);
        button.textContent = "Copied";
      } catch {
        from.focus();
        from.select?.();
        button.textContent = "Press Ctrl-C";
      }
      setTimeout(() => { button.textContent = label; }, 2000);
    });
  }
})();
