// A time in the report plays the recording from there.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-at]");
  const audio = button && document.getElementById(button.dataset.call);
  if (!audio) return;
  audio.currentTime = Math.max(0, Number(button.dataset.at) / 1000 - 0.5);
  audio.play();
});
