"use strict";
// The page of `rlbreakout watch` and `rlbreakout play`: it draws what the server sends, and sends what is asked for.

const ACTIONS = ["none", "fire", "right", "left"];
const NONE = 0, FIRE = 1, RIGHT = 2, LEFT = 3;
const KEYS = { ArrowRight: RIGHT, ArrowLeft: LEFT, " ": FIRE };
const MOST_VALUES = 360;
const SCALE = 3;

const at = (id) => document.getElementById(id);
const screenOf = at("screen").getContext("2d");
const socket = new WebSocket(`ws://${location.host}/socket`);
const held = [];
let values = [];
let about = {};
let last = null;
let drawing = 0;
let paused = false;
let stepsWithoutBall = 0;
let heldUntil = 0;

function send(name, value) {
  const open = socket.readyState === WebSocket.OPEN;
  if (open) socket.send(JSON.stringify({ [name]: value }));
  return open;
}

const counted = (number, one) => `${number} ${one}${number === 1 ? "" : "s"}`;

const rows = ACTIONS.map((name) => {
  const row = document.createElement("div");
  row.className = "action";
  row.innerHTML = "<span></span><div class='bar'><i></i></div><span></span>";
  row.firstChild.textContent = name;
  at("actions").append(row);
  return row;
});

async function picture(data) {
  const image = new Image();
  image.src = `data:image/png;base64,${data}`;
  await image.decode();
  return image;
}

// The frames of a step are spread over the time that it takes, until the next step comes.
async function drawFrames(step) {
  const turn = ++drawing;
  if (document.hidden) return;
  const images = await Promise.all(step.frames.map(picture));
  const begun = performance.now();
  for (let i = 0; i < images.length; i++) {
    while (performance.now() - begun < (1000 * step.seconds * i) / images.length) {
      await new Promise(requestAnimationFrame);
      if (turn !== drawing) return;
    }
    if (turn !== drawing) return;
    screenOf.imageSmoothingEnabled = false;
    screenOf.drawImage(images[i], 0, 0, 160 * SCALE, 210 * SCALE);
    drawPath(step);
  }
}

function drawPath(step) {
  if (!at("path").checked || !step.path.length) return;
  screenOf.fillStyle = "#ffffff";
  for (const [x, y] of step.path) screenOf.fillRect((x + 0.5) * SCALE, (y + 1.5) * SCALE, 2, 2);
  const [x, y] = step.landing;
  screenOf.strokeStyle = "#ffffff";
  screenOf.lineWidth = 2;
  screenOf.strokeRect((x - 3) * SCALE, (y + 2) * SCALE, 8 * SCALE, 3 * SCALE);
}

function drawThoughts(step) {
  rows.forEach((row, i) => {
    row.classList.toggle("taken", i === step.action);
    row.querySelector("i").style.width = `${100 * step.probabilities[i]}%`;
    row.lastChild.textContent = step.q_values
      ? `Q ${step.q_values[i].toFixed(2)}`
      : `${(100 * step.probabilities[i]).toFixed(1)}%`;
  });
  if (step.value === null) {
    at("value-now").textContent = "(nothing)";
    return;
  }
  at("value-now").textContent = `${step.value.toFixed(2)} (the return, in the rewards of its training)`;
  if (step.steps === 0) values = [];
  values.push(step.value);
  values = values.slice(-MOST_VALUES);
  const chart = at("values").getContext("2d");
  const { width, height } = at("values");
  const low = Math.min(0, ...values), high = Math.max(low + 1e-6, ...values);
  const y = (value) => height - 6 - ((height - 12) * (value - low)) / (high - low);
  chart.clearRect(0, 0, width, height);
  chart.strokeStyle = getComputedStyle(at("values")).color;
  chart.globalAlpha = 0.3;
  chart.beginPath();
  chart.moveTo(0, y(0));
  chart.lineTo(width, y(0));
  chart.stroke();
  chart.globalAlpha = 1;
  chart.beginPath();
  values.forEach((value, i) => (i ? chart.lineTo(i, y(value)) : chart.moveTo(i, y(value))));
  chart.stroke();
}

function show(step) {
  last = step;
  at("score").textContent = step.score;
  at("lives").textContent = step.lives;
  const seconds = Math.floor(step.game_seconds);
  at("time").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  const name = step.newest ? `${about.name} ${step.newest}` : about.name;
  at("title").textContent = about.rival ? `You and the ${about.rival}` : name;
  at("human").checked = step.human;
  if (step.steps === 0) at("seed").value = step.seed;
  at("seen").src = `data:image/png;base64,${step.seen}`;
  at("rival").hidden = !step.rival;
  if (step.rival) {
    const { score, lives } = step.rival;
    at("rival").textContent = `${about.rival}, same seed, unseen: ${counted(score, "point")}, ${lives} lives`;
  }
  stepsWithoutBall = step.path.length ? 0 : stepsWithoutBall + 1;
  sayWhatIsUp();
  drawThoughts(step);
  drawFrames(step);
}

// A message that is held stays for some seconds, whatever the game has to say.
function say(text, seconds = 0) {
  if (!seconds && performance.now() < heldUntil) return;
  heldUntil = performance.now() + 1000 * seconds;
  at("message").textContent = text;
}

const mayLaunch = () => last.human && !last.over && (last.steps === 0 || stepsWithoutBall > 2);

function sayWhatIsUp() {
  const why = last.stalled ? "stalled: no point for a long time" : "game over";
  const next = last.human ? "r begins a new game" : "the next game begins soon";
  if (last.over) say(`${why}: ${counted(last.score, "point")}; ${next}`);
  else say(mayLaunch() ? "space launches the ball" : "");
}

function saveGif(data) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: "image/gif" }));
  link.download = `${about.name.split("/").pop()}-seed-${last.seed}-${last.score}-points.gif`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (message.about) {
    about = message.about;
    document.title = `${about.name} - RLbreakout`;
    at("where").textContent = `plays ${about.env_id}`;
    at("greedy").checked = about.greedy;
    if (about.human) at("screen").focus();
  } else if (message.gif) {
    at("gif").disabled = false;
    saveGif(message.gif);
  } else if (message.error) {
    at("gif").disabled = false;
    say(message.error, 6);
  } else {
    show(message);
  }
};
socket.onclose = () => {
  at("gif").disabled = true;
  if (last) say("the server has ended; start it again, and reload this page", 1e6);
};

function setHuman(human) {
  at("human").checked = human;
  send("human", human);
  held.length = 0;
  if (!last) return;
  last.human = human;
  sayWhatIsUp();
}

function moveJoystick() {
  send("joystick", held.length ? held[held.length - 1] : NONE);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input[type=number], select")) return;
  if (event.key in KEYS) {
    if (event.key === " " && event.target.matches("button, input")) return;
    event.preventDefault();
    if (event.repeat) return;
    if (!at("human").checked) setHuman(true);
    held.push(KEYS[event.key]);
    moveJoystick();
  } else if (event.key === "Escape") setHuman(false);
  else if (event.key === "p") at("pause").click();
  else if (event.key === "n") at("step").click();
  else if (event.key === "r") at("restart").click();
});
document.addEventListener("keyup", (event) => {
  if (!(event.key in KEYS)) return;
  const place = held.indexOf(KEYS[event.key]);
  if (place < 0) return;
  held.splice(place, 1);
  moveJoystick();
});
window.addEventListener("blur", () => {
  if (held.length) {
    held.length = 0;
    moveJoystick();
  }
});

// A finger on the picture, or the mouse: which half of it.
at("screen").addEventListener("pointerdown", (event) => {
  if (!last || !last.human) return;
  event.preventDefault();
  at("screen").setPointerCapture(event.pointerId);
  const isLeft = event.offsetX < at("screen").clientWidth / 2;
  held.push(mayLaunch() ? FIRE : isLeft ? LEFT : RIGHT);
  moveJoystick();
});
for (const kind of ["pointerup", "pointercancel"]) {
  at("screen").addEventListener(kind, () => {
    held.length = 0;
    moveJoystick();
  });
}

// What was clicked gives the keys back to the game; what was reached with the tab key keeps them.
at("controls").addEventListener("click", (event) => {
  if (event.detail > 0 && event.target.matches("button, input[type=checkbox]")) event.target.blur();
});
at("controls").addEventListener("change", (event) => {
  if (event.target.matches("select")) event.target.blur();
});

function setPaused(value) {
  paused = value;
  at("pause").textContent = paused ? "go on" : "pause";
}
at("pause").onclick = () => {
  setPaused(!paused);
  send("pause", paused);
};
at("step").onclick = () => {
  setPaused(true);
  send("step", true);
};
at("speed").onchange = () => send("speed", Number(at("speed").value));
at("greedy").onchange = () => send("greedy", at("greedy").checked);
at("human").onchange = () => setHuman(at("human").checked);
at("sticky").onchange = () => send("sticky", at("sticky").value === "" ? null : Number(at("sticky").value));
at("restart").onclick = () => {
  const text = at("seed").value, seed = Number(text);
  if (text === "" || !Number.isInteger(seed) || seed < 0 || seed > about.most_seed) {
    say(`the seed must be a whole number from 0 to ${about.most_seed}`, 6);
  } else send("restart", seed);
};
at("seed").onkeydown = (event) => {
  if (event.key !== "Enter") return;
  at("seed").blur();
  at("restart").click();
};
at("gif").onclick = () => {
  at("gif").disabled = send("gif", true);
};
at("path").onchange = () => last && drawFrames(last);
