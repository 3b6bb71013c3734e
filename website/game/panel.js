// What the page draws: the screen with the path of the ball, and what the agent thinks. It looks like the page of
// `rlbreakout watch` (rlbreakout/watch/page).

import { HEIGHT, WIDTH } from "./constants.js";
import { flightPath } from "./ahead.js";
import { colour, draw } from "./draw.js";

const ACTIONS = ["none", "fire", "right", "left"];
const MOST_VALUES = 360;
const SCALE = 3;

export const at = (name) => document.getElementById(`breakout-${name}`);

// The screen at its real size, which is then scaled.
const small = new OffscreenCanvas(WIDTH, HEIGHT);
const smallContext = small.getContext("2d");
const picture = smallContext.createImageData(WIDTH, HEIGHT);
const numbers = new Uint8Array(HEIGHT * WIDTH), pixels = new Uint32Array(picture.data.buffer);

export function showScreen(state, withPath) {
  draw(state, numbers);
  colour(numbers, pixels);
  smallContext.putImageData(picture, 0, 0);
  const context = at("screen").getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, WIDTH * SCALE, HEIGHT * SCALE);
  if (withPath) showPath(context, state);
}

function showPath(context, state) {
  const path = state.ballVy === 0 ? [] : flightPath(state);
  if (path.length === 0) return;
  context.fillStyle = context.strokeStyle = "#ffffff";
  for (const [x, y] of path) context.fillRect((x + 0.5) * SCALE, (y + 1.5) * SCALE, 2, 2);
  const [x, y] = path[path.length - 1];
  context.lineWidth = 2;
  context.strokeRect((x - 3) * SCALE, (y + 2) * SCALE, 8 * SCALE, 3 * SCALE);
}

function addRow(name) {
  const row = document.createElement("div");
  row.className = "breakout-action";
  row.innerHTML = "<span></span><div class='breakout-bar'><i></i></div><span></span>";
  row.firstChild.textContent = name;
  at("actions").append(row);
  return { row, bar: row.querySelector("i"), share: row.lastChild };
}

function addEntry({ name, unit }) {
  const row = at("seen").insertRow();
  const [, value] = [name, "", `1: ${unit}`].map((text) => {
    const cell = row.insertCell();
    cell.textContent = text;
    return cell;
  });
  return value;
}

// The thoughts of one policy. Call it once.
export function makeMind({ blocks }) {
  const rows = ACTIONS.map(addRow), entries = blocks.flatMap((block) => block.entries), cells = entries.map(addEntry);
  const details = at("seen").closest("details");
  let values = [];
  at("size").textContent = `${entries.length} numbers`;
  at("mind").hidden = false;
  return {
    forget() {
      values = [];
    },
    show({ probabilities, value, seen }, taken) {
      rows.forEach(({ row, bar, share }, action) => {
        row.classList.toggle("taken", action === taken);
        bar.style.width = `${100 * probabilities[action]}%`;
        share.textContent = `${(100 * probabilities[action]).toFixed(1)}%`;
      });
      at("value").textContent = `${value.toFixed(2)} (the return, in the rewards of its training)`;
      if (details.open) cells.forEach((cell, i) => (cell.textContent = seen[i].toFixed(2)));
      values = [...values, value].slice(-MOST_VALUES);
      showValues(values);
    },
  };
}

function showValues(values) {
  const chart = at("values").getContext("2d"), { width, height } = at("values");
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
