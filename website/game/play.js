// The page: it plays a game in the browser, without a server, and does what keys, fingers and controls ask for. It
// behaves like the page of `rlbreakout watch` (rlbreakout/watch/page/page.js).

import { FIRE, LEFT, NONE, PIXEL, RIGHT } from "./constants.js";
import { Game } from "./whole_game.js";
import { loadPolicy } from "./network.js";
import { at, makeMind, showScreen } from "./panel.js";

const KEYS = { ArrowRight: RIGHT, ArrowLeft: LEFT, " ": FIRE };
const FRAMES_A_SECOND = 60;
const LONGEST_GAP = 0.1; // seconds that a slow browser may catch up on
const PAUSE_AFTER_A_GAME = 3; // seconds
const MOST_SEED = 2_000_000_000;

const root = document.getElementById("breakout");
const held = []; // what is pressed, the latest last
let policy = null;
let mind = null;
let about = { frameSkip: 4, noopMax: 30, sticky: 0.25, greedy: false };
let game = null;
let shown = null; // the step that the mind shows
let paused = false;
let then = 0; // when frames were last played, in milliseconds
let due = 0; // frames that are to be played
let overFor = 0; // seconds since the game was over
let saidUntil = 0;

function begin(seed) {
  const human = game !== null && game.human;
  game = new Game(policy, { ...about, seed, sticky: Number(at("sticky").value) });
  game.greedy = at("greedy").checked;
  at("seed").value = seed;
  due = overFor = 0;
  shown = null;
  if (mind) mind.forget();
  setHuman(human || policy === null);
  show();
}

// A message that is held stays for some seconds, whatever the game has to say.
function say(text, seconds = 0) {
  if (!seconds && performance.now() < saidUntil) return;
  saidUntil = performance.now() + 1000 * seconds;
  if (at("message").textContent !== text) at("message").textContent = text;
}

const mayLaunch = () => game.human && !game.over && game.state.ballY < PIXEL;

function sayWhatIsUp() {
  const { score } = game.state, why = game.stalled ? "stalled: no point for a long time" : "game over";
  const next = game.human ? "r begins a new game" : "the next game begins soon";
  if (game.over) say(`${why}: ${score} point${score === 1 ? "" : "s"}; ${next}`);
  else say(mayLaunch() ? "space launches the ball" : "");
}

function show() {
  const { state } = game, seconds = Math.floor(game.frames / FRAMES_A_SECOND);
  showScreen(state, at("path").checked);
  at("score").textContent = state.score;
  at("lives").textContent = state.lives;
  at("time").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  at("player").textContent = game.human ? "you play" : `the ${about.name} plays`;
  sayWhatIsUp();
  if (mind && shown !== game.steps) {
    mind.show(game.think(), game.taken);
    shown = game.steps;
  }
}

function playOn(now) {
  const seconds = Math.min((now - then) / 1000, LONGEST_GAP);
  then = now;
  requestAnimationFrame(playOn);
  if (paused) return;
  if (game.over) {
    overFor += seconds;
    if (!game.human && overFor > PAUSE_AFTER_A_GAME) begin(game.seed < MOST_SEED ? game.seed + 1 : 0);
    return;
  }
  due += seconds * FRAMES_A_SECOND * Number(at("speed").value);
  if (due < 1) return;
  for (; due >= 1; due--) game.playFrame();
  show();
}

function setHuman(human) {
  at("human").checked = human;
  at("human").disabled = policy === null;
  at("screen").classList.toggle("played", human);
  game.setHuman(human);
  releaseAll();
  show();
}

function moveJoystick() {
  game.joystick = held.length ? held[held.length - 1] : NONE;
}

function releaseAll() {
  held.length = 0;
  moveJoystick();
}

function setPaused(value) {
  paused = value;
  at("pause").textContent = paused ? "go on" : "pause";
}

function restart() {
  const text = at("seed").value, seed = Number(text);
  if (text === "" || !Number.isInteger(seed) || seed < 0 || seed > MOST_SEED) {
    say(`the seed must be a whole number from 0 to ${MOST_SEED}`, 6);
  } else begin(seed);
}

// Only keys that are pressed inside of the game are the game's, and the site does not get to see those.
function pressKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input[type=number], select")) return;
  const onControl = event.target.matches("button, input, summary");
  const clicks = { p: "pause", n: "step", r: "restart" };
  if (event.key in KEYS) {
    if (event.key === " " && onControl) return;
    if (!event.repeat) {
      if (!game.human) setHuman(true);
      held.push(KEYS[event.key]);
      moveJoystick();
    }
  } else if (event.key === "Escape") setHuman(policy === null);
  else if (event.key in clicks) at(clicks[event.key]).click();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function releaseKey(event) {
  const place = held.indexOf(KEYS[event.key]);
  if (place < 0) return;
  held.splice(place, 1);
  moveJoystick();
}

// A finger on the picture, or the mouse: which half of it.
function touch(event) {
  if (!game.human) return;
  at("screen").setPointerCapture(event.pointerId);
  const isLeft = event.offsetX < at("screen").clientWidth / 2;
  held.push(mayLaunch() ? FIRE : isLeft ? LEFT : RIGHT);
  moveJoystick();
}

function listen() {
  root.addEventListener("keydown", pressKey);
  root.addEventListener("keyup", releaseKey);
  root.addEventListener("focusout", releaseAll);
  window.addEventListener("blur", releaseAll);
  at("screen").addEventListener("pointerdown", touch);
  for (const kind of ["pointerup", "pointercancel"]) at("screen").addEventListener(kind, releaseAll);

  // What was clicked gives the keys back to the game; what was reached with the tab key keeps them.
  const toScreen = () => at("screen").focus({ preventScroll: true });
  at("controls").addEventListener("click", (event) => {
    if (event.detail > 0 && event.target.matches("button, input[type=checkbox]")) toScreen();
  });
  at("controls").addEventListener("change", (event) => event.target.matches("select") && toScreen());

  const on = (name, kind, act) => at(name).addEventListener(kind, act);
  on("pause", "click", () => setPaused(!paused));
  on("step", "click", () => {
    setPaused(true);
    game.playStep();
    show();
  });
  on("greedy", "change", () => (game.greedy = at("greedy").checked));
  on("path", "change", show);
  on("human", "change", () => setHuman(at("human").checked));
  on("sticky", "change", () => begin(game.seed));
  on("restart", "click", restart);
  on("seed", "keydown", (event) => {
    if (event.key !== "Enter") return;
    toScreen();
    restart();
  });
}

async function start() {
  try {
    policy = await loadPolicy(new URL(".", import.meta.url));
    about = policy.about;
    mind = makeMind(about);
  } catch (error) {
    say(`The agent cannot be loaded: ${error.message}. You can play by yourself.`, 1e6);
  }
  at("greedy").checked = about.greedy;
  if (![...at("sticky").options].some(({ value }) => Number(value) === about.sticky)) {
    at("sticky").add(new Option(String(about.sticky)));
  }
  at("sticky").value = String(about.sticky);
  listen();
  begin(0);
  setPaused(matchMedia("(prefers-reduced-motion: reduce)").matches);
  requestAnimationFrame((now) => {
    then = now;
    playOn(now);
  });
}

if (root !== null) start();
