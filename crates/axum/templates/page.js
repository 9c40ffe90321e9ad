(() => {
  "use strict";
  // First of all, the code leaves the address bar.
  const { address } = document.documentElement.dataset;
  if (address) history.replaceState(null, "", address);

  // A double click is one press.
  let pressed = false;
  addEventListener("submit", (event) => {
    if (pressed) event.preventDefault();
    pressed = true;
    setTimeout(() => { pressed = false; }, 3000);
  });
})();
