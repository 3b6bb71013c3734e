// What the agent sees: the entries of its blocks. Mirrors rlbreakout/observation/blocks/; the name, unit and range of
// each entry stand in policy.json.

import {
  ACTION_NAMES, BALL_WIDTH, FRAMES, HITS_AFTER_UPPER_ROWS, LATE, LAUNCH_COLUMNS, LIVES, LOST_LINE, MANY_BRICKS,
  MOST_COLUMNS, MOST_COLUMNS_A_FRAME, MOST_ROWS_A_FRAME, NEAR, OFTEN, PIXEL, POINTS, SOON, SURE_COLUMNS, WAYS, WIDTH,
  WORTH,
} from "./constants.js";
import { framesWithoutPoints, lookAhead, newOutlook, rest } from "./ahead.js";
import { clip, widthOf } from "./rules.js";

const ENTRIES_A_WAY = 5;

const within = (low, value) => clip(value, low, 1);

function fillNow(game, ahead, value) {
  const half = widthOf(game) / 2, middle = game.paddle + half;
  if (game.ballY >= PIXEL) {
    const ball = game.ballX / PIXEL + BALL_WIDTH / 2;
    value[0] = 1;
    value[1] = within(0, game.ballY / (PIXEL * LOST_LINE));
    value[2] = within(0, ball / WIDTH);
    value[3] = within(-1, game.ballVx / (PIXEL * MOST_COLUMNS_A_FRAME));
    value[4] = within(-1, game.ballVy / (PIXEL * MOST_ROWS_A_FRAME));
    value[5] = within(-1, (ball - middle) / NEAR);
    value[6] = game.hits / HITS_AFTER_UPPER_ROWS;
    value[7] = Number(!game.met);
    value[8] = Number(!game.broke);
  }
  value[9] = middle / WIDTH;
  value[10] = (rest(game) + half) / WIDTH;
  value[11] = Number(game.narrow);
  value[12] = game.lives / LIVES;
  value.set(game.bricks, 13);
}

function fillArrival(game, ahead, value) {
  if (ahead.frames < 0) return;
  const ball = ahead.down.ballX / PIXEL + BALL_WIDTH / 2;
  const fromRest = ball - rest(game) - widthOf(ahead.down) / 2;
  value[0] = 1;
  value[1] = within(0, ahead.frames / FRAMES);
  value[2] = within(0, ball / WIDTH);
  value[3] = within(-1, fromRest / WIDTH);
  value[4] = within(-1, fromRest / NEAR);
  value[5] = Number(ahead.down.ballVx > 0);
  value[6] = within(0, ahead.flight.bricks / MANY_BRICKS);
}

function fillChoices(game, ahead, value, worth = ahead.worth, margins = ahead.margins) {
  if (ahead.frames < 0) return;
  ahead.ways.forEach((way, number) => {
    const first = ENTRIES_A_WAY * number;
    value[first] = Number(way.breaks);
    value[first + 1] = within(0, way.framesToBrick / FRAMES);
    value[first + 2] = within(0, way.points / POINTS);
    if (way.returns) {
      value[first + 3] = within(0, way.framesToReturn / FRAMES);
      value[first + 4] = within(0, way.returnColumn / WIDTH);
    }
  });
  let first = ENTRIES_A_WAY * WAYS.length;
  for (let side = 0; side < 2; side++) value[first + side] = Math.min(worth[side], WORTH);
  first += 2;
  for (let action = 0; action < ACTION_NAMES.length; action++) {
    let best = 0;
    for (let side = 0; side < 2; side++) {
      const inside = margins[action][side];
      value[first + side] = within(-1, inside / MOST_COLUMNS);
      best = Math.max(best, worth[side] * within(0, inside / SURE_COLUMNS));
    }
    value[first + 2] = Math.min(best, WORTH);
    first += 3;
  }
}

function fillFreshChoices(game, ahead, value) {
  fillChoices(game, ahead, value, ahead.freshWorth, ahead.stepMargins);
}

function fillClock(game, ahead, value) {
  value[(game.clock + 1) % LAUNCH_COLUMNS.length] = 1;
  const frames = framesWithoutPoints(game, ahead), first = LAUNCH_COLUMNS.length;
  value[first] = within(0, frames / SOON);
  value[first + 1] = within(0, frames / LATE);
  if (ahead.frames < 0) return;
  ahead.ways.forEach(({ beenThere }, number) => {
    value[first + 2 + number] = within(0, beenThere / OFTEN);
  });
}

const FILL = {
  now: fillNow,
  arrival: fillArrival,
  choices: fillChoices,
  fresh_choices: fillFreshChoices,
  clock: fillClock,
};

// The blocks of one game. `blocks` are those of policy.json: names and entries.
export class Blocks {
  constructor(blocks) {
    this.values = new Float32Array(blocks.reduce((sum, { entries }) => sum + entries.length, 0));
    this.ahead = newOutlook();
    let first = 0;
    this.parts = blocks.map(({ name, entries }) => {
      const values = this.values.subarray(first, (first += entries.length));
      return (game) => FILL[name](game, this.ahead, values);
    });
  }

  // The entries, a Float32Array that the next call overwrites.
  compute(game) {
    lookAhead(game, this.ahead);
    this.values.fill(0);
    for (const fill of this.parts) fill(game);
    return this.values;
  }
}
