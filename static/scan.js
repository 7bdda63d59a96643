// Scanning: a hand scanner types wherever the cursor is, so what it types goes to the field; and the camera, where the
// browser reads squares by itself (BarcodeDetector). The page works without either.

const code = document.getElementById("code");

document.addEventListener("keydown", (event) => {
  if (event.key.length !== 1 || event.key === " " || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select")) return;
  event.stopImmediatePropagation(); // a letter of a code is no key of the page
  code.focus();
});

if (code.value) code.select();

const camera = document.querySelector("[data-camera]");
const PAUSE = 200; // ms between looks

async function canRead() {
  if (!("BarcodeDetector" in window) || !navigator.mediaDevices?.getUserMedia) return false;
  const formats = await BarcodeDetector.getSupportedFormats().catch(() => []);
  return formats.includes("qr_code");
}

async function ready() {
  if (!(await canRead())) return;
  const video = camera.querySelector("video");
  const button = camera.querySelector("button");
  const said = camera.querySelector("[data-camera-said]");
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  let stream = null;
  camera.hidden = false;

  function show() {
    video.hidden = !stream;
    button.setAttribute("aria-pressed", String(Boolean(stream)));
    button.textContent = stream ? button.dataset.on : button.dataset.off;
  }

  function close() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    show();
  }

  async function open() {
    said.textContent = "";
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      said.textContent = camera.dataset.refused;
      return;
    }
    video.srcObject = stream;
    show();
    await video.play();
    look();
  }

  async function look() {
    if (!stream) return;
    const [found] = await detector.detect(video).catch(() => []);
    if (!found) return setTimeout(look, PAUSE);
    close();
    code.value = found.rawValue;
    code.form.requestSubmit();
  }

  button.addEventListener("click", () => (stream ? close() : open()));
}

ready();
