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

  // <form data-progress="/path">: says how far the answer is, which is a file, so that the page stays. The field `job` names it.
  document.addEventListener("submit", ({ target: form, defaultPrevented }) => {
    if (defaultPrevented || !form.dataset.progress) return;
    const status = form.querySelector("[role=status]");
    form.elements.job.value = crypto.randomUUID();
    const path = `${form.dataset.progress}?job=${form.elements.job.value}`;
    status.textContent = "Sending the file …";
    const timer = setInterval(async () => {
      const answer = await fetch(path).catch(() => null);
      const told = answer?.ok ? await answer.json() : null;
      if (!told) return;
      const errors = told.failed ? `, ${told.failed} with an error` : "";
      status.textContent = told["is-over"]
        ? `Done: ${told.rows === 1 ? "1 line" : `${told.rows} lines`}${errors}.`
        : `${told.rows} of about ${told.lines} lines${errors} …`;
      if (told["is-over"]) clearInterval(timer);
    }, 500);
  });
})();
