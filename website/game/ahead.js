// Looking ahead by playing the rules: where the ball comes down, what each way to meet it leads to, and where the
// paddle can be by then. Mirrors rlbreakout/breakout/ahead.py; an outlook is that of one game.

import {
  ACTIONS_TRIED, BALL_HEIGHT, BOUNCES_WITH_FEW, DISCOUNT, EXACT_FRAMES, EXACT_STEPS, FEW_BRICKS, HELD, LEFT, LEFT_FLAT,
  LEFT_STEEP, LONGEST_FLIGHT, MOST_COLUMNS, MOST_VISITS, NONE, NOVELTY, PADDLE_HEIGHT, PADDLE_LEFTMOST, PADDLE_RIGHTMOST,
  PADDLE_TOP, PIXEL, PIXEL_BITS, RIGHT, RIGHT_FLAT, RIGHT_STEEP, SPEEDS, WAYS,
} from "./constants.js";
import { bounce, clip, copyGame, fly, newGame, nextKnob, nextPaddle, readingOf, rowOfLine, widthOf } from "./rules.js";

// For each of WAYS, how many columns left of the paddle's middle it meets the ball.
const COLUMNS_LEFT = [6, 2, -2, -6];

// Whether a falling ball is level with the paddle, so that the two can meet now.
function comesDown(game) {
  const row = rowOfLine(game.ballY >> PIXEL_BITS);
  return game.ballY >= PIXEL && game.ballVy > 0 && PADDLE_TOP - BALL_HEIGHT < row && row < PADDLE_TOP + PADDLE_HEIGHT;
}

const isBelow = (game) => rowOfLine(game.ballY >> PIXEL_BITS) >= PADDLE_TOP + PADDLE_HEIGHT;

// Play a game without a paddle until its ball comes down. Returns the number of frames, or -1. `flight` becomes the
// number of bricks that break, the frames until the first of them (-1: none does), and their points.
function comeDown(game, flight) {
  flight.bricks = flight.points = 0;
  flight.firstBrick = -1;
  if (game.ballY < PIXEL || isBelow(game)) return -1;
  for (let frame = 0; frame < LONGEST_FLIGHT; frame++) {
    if (comesDown(game)) return frame;
    const points = fly(game);
    if (points > 0) {
      flight.bricks += 1;
      flight.points += points;
      if (flight.firstBrick < 0) flight.firstBrick = frame;
    }
  }
  return -1;
}

// Column and row of the ball's upper left pixel, now and after each frame, until it comes down.
export function flightPath(state) {
  const game = copyGame(state, newGame()), path = [];
  while (path.length < LONGEST_FLIGHT && game.ballY >= PIXEL && !isBelow(game)) {
    path.push([game.ballX >> PIXEL_BITS, rowOfLine(game.ballY >> PIXEL_BITS)]);
    if (comesDown(game)) break;
    fly(game);
  }
  return path;
}

// Let a ball that has come down meet the paddle in one of WAYS, wherever the paddle is, then `comeDown`.
function meetAndComeDown(game, way, flight) {
  bounce(game, COLUMNS_LEFT[way]);
  if (game.building === 0) return comeDown(game, flight);
  // The second wall is built in the next frame. In this one the side walls still turn the ball.
  game.building = 0;
  fly(game);
  game.building = 1;
  const frames = comeDown(game, flight);
  if (flight.firstBrick >= 0) flight.firstBrick += 1;
  return frames >= 0 ? frames + 1 : -1;
}

// Whether it matters how far from the middle the ball is met. The higher speeds have no steep variant.
function waysDiffer(game) {
  const [flat, steep] = SPEEDS[(game.hits >= 12 ? game.hits : game.hits + 1) >> 2];
  return flat[0] !== steep[0] || flat[1] !== steep[1];
}

// Find out what each of WAYS leads to, for a game whose ball has come down, and the value of sending the ball to the
// left and to the right.
function tryWays(down, { scratch, flight, ways, worth, freshWorth, visits }) {
  const bricks = down.bricks.reduce((sum, brick) => sum + brick, 0);
  const depth = bricks < FEW_BRICKS ? BOUNCES_WITH_FEW : 1;

  // The best of each side at a bounce, in bricks. Python walks the same tree without recursion.
  function valueSides(now) {
    const best = [0, 0];
    for (let way = 0; way < WAYS.length; way++) {
      if ((way === LEFT_STEEP || way === RIGHT_STEEP) && !waysDiffer(scratch[now])) continue;
      const after = copyGame(scratch[now], scratch[now + 1]);
      const took = meetAndComeDown(after, way, flight), side = way >> 1;
      const own = flight.bricks > 0 ? DISCOUNT ** flight.firstBrick * flight.bricks : 0;
      const fresh = flight.bricks > 0 ? own : NOVELTY;
      const again = now === 0 && took >= 0 && flight.bricks === 0 ? timesVisited(after, visits) : 0;
      if (now === 0) {
        ways[way] = {
          breaks: flight.bricks > 0,
          framesToBrick: Math.max(flight.firstBrick, 0),
          points: flight.points,
          returns: took >= 0,
          framesToReturn: Math.max(took, 0),
          returnColumn: after.ballX >> PIXEL_BITS,
          beenThere: again,
        };
      }
      const later = took >= 0 && now + 1 < depth ? DISCOUNT ** took * Math.max(...valueSides(now + 1)) : 0;
      best[side] = Math.max(best[side], own + later);
      if (now === 0) freshWorth[side] = Math.max(freshWorth[side], (fresh + later) * 0.5 ** Math.min(again, 10));
    }
    return best;
  }

  copyGame(down, scratch[0]);
  freshWorth.fill(0);
  [worth[0], worth[1]] = valueSides(0);
  if (!waysDiffer(down)) {
    ways[LEFT_STEEP] = ways[LEFT_FLAT];
    ways[RIGHT_STEEP] = ways[RIGHT_FLAT];
  }
}

// The paddle's column after `frames` frames, if `action` is held in frames `start` to `end` - 1, and none else.
function paddleAfter(paddle, reading, knob, action, start, end, frames) {
  for (let frame = 0; frame < frames; frame++) {
    paddle = nextPaddle(paddle, reading);
    if (start <= frame && frame < end && (action === RIGHT || action === LEFT)) {
      knob = nextKnob(knob, action);
      reading = readingOf(knob);
    } else if (frame >= end + 10) { // it has come to rest
      break;
    }
  }
  return paddle;
}

// The column at which the paddle comes to rest if the knob is left alone.
export const rest = (game) => paddleAfter(game.paddle, game.reading, game.knob, NONE, 0, 0, 12);

// How far inside the left and the right half of the paddle a ball can still be met that comes down in `frames` frames
// at `column`, if `action` is held for the first `held` frames. Fills in `best`, in columns; see `margins` in Python.
function findMargins(game, action, held, frames, column, width, stretch, exact, best) {
  let { paddle, reading, knob } = game;
  const begun = Math.min(held, frames);
  for (let frame = 0; frame < begun; frame++) {
    paddle = nextPaddle(paddle, reading);
    if (action === RIGHT || action === LEFT) {
      knob = nextKnob(knob, action);
      reading = readingOf(knob);
    }
  }
  const left = frames - begun;
  best[0] = best[1] = -Infinity;
  if (left > exact) {
    const mostRight = paddleAfter(paddle, reading, knob, RIGHT, 0, left, left);
    const mostLeft = paddleAfter(paddle, reading, knob, LEFT, 0, left, left);
    for (let half = 0; half < 2; half++) {
      const place = Math.min(Math.max(bestPlace(column, width, half), mostLeft), mostRight);
      best[half] = columnsInside(place, column, width, half);
    }
    return;
  }
  for (const direction of [RIGHT, LEFT]) {
    for (let turned = 0; turned <= left; turned += stretch) {
      const early = paddleAfter(paddle, reading, knob, direction, 0, turned, left);
      const late = paddleAfter(paddle, reading, knob, direction, left - turned, left, left);
      for (let half = 0; half < 2; half++) {
        const inside = Math.max(columnsInside(early, column, width, half), columnsInside(late, column, width, half));
        best[half] = Math.max(best[half], inside);
      }
    }
  }
}

// The paddle's column at which the middle of this half (0 left, 1 right) meets a ball at `column`.
function bestPlace(column, width, half) {
  const middle = Math.floor((half === 0 ? width : -(width + 2)) / 4);
  return clip(column + 2 - width / 2 + middle, PADDLE_LEFTMOST, PADDLE_RIGHTMOST);
}

// How far a ball is inside a half of the paddle, in columns, at most MOST_COLUMNS; 0 or less outside.
function columnsInside(paddle, column, width, half) {
  const leftOfMiddle = paddle + width / 2 - 2 - column;
  if (half === 0) return Math.min(leftOfMiddle, width / 2 - leftOfMiddle, MOST_COLUMNS);
  return Math.min(-leftOfMiddle, width / 2 + 2 + leftOfMiddle, MOST_COLUMNS);
}

// An empty outlook; `lookAhead` fills it in. It remembers what the ways lead to while the ball is on the same flight.
export function newOutlook() {
  return {
    frames: -1,
    down: { ...newGame(), score: -1 }, // the same future as no game's
    flight: { bricks: 0, firstBrick: -1, points: 0 },
    ways: [],
    worth: [0, 0],
    freshWorth: [0, 0],
    lastPoint: { score: -1, lives: -1, clock: -1 },
    visits: { count: 0, score: 0, balls: [] },
    margins: ACTIONS_TRIED.map(() => [0, 0]),
    stepMargins: ACTIONS_TRIED.map(() => [0, 0]),
    work: newGame(),
    wayFlight: { bricks: 0, firstBrick: -1, points: 0 },
    scratch: Array.from({ length: BOUNCES_WITH_FEW + 1 }, newGame),
  };
}

export function lookAhead(game, ahead) {
  const work = copyGame(game, ahead.work);
  ahead.frames = comeDown(work, ahead.flight);
  if (ahead.frames < 0) return;
  const known = haveSameFuture(work, ahead.down);
  copyGame(work, ahead.down);
  if (!known) {
    visit(work, ahead.visits);
    tryWays(work, { ...ahead, flight: ahead.wayFlight });
  }
  const column = work.ballX >> PIXEL_BITS, width = widthOf(work);
  ACTIONS_TRIED.forEach((action, i) => {
    findMargins(game, action, HELD, ahead.frames, column, width, 1, EXACT_FRAMES, ahead.margins[i]);
    findMargins(game, action, HELD, ahead.frames, column, width, HELD, HELD * EXACT_STEPS, ahead.stepMargins[i]);
  });
}

// Remember how the ball of a game comes down; what was before its last point is forgotten.
function visit(down, visits) {
  if (visits.score !== down.score) Object.assign(visits, { count: 0, score: down.score, balls: [] });
  visits.balls[visits.count % MOST_VISITS] = [down.ballX, down.ballY, down.ballVx, down.ballVy];
  visits.count += 1;
}

// How often the ball came down just like that since the last point.
function timesVisited({ ballX, ballY, ballVx, ballVy }, { balls }) {
  return balls.filter(([x, y, vx, vy]) => x === ballX && y === ballY && vx === ballVx && vy === ballVy).length;
}

// Frames since the score or the lives of the game last changed.
export function framesWithoutPoints(game, { lastPoint }) {
  const { score, lives, clock } = game;
  if (score !== lastPoint.score || lives !== lastPoint.lives || clock < lastPoint.clock) {
    Object.assign(lastPoint, { score, lives, clock });
  }
  return clock - lastPoint.clock;
}

// Whether the ball and the bricks of two games whose ball has come down are the same.
function haveSameFuture(one, other) {
  return one.ballX === other.ballX && one.ballY === other.ballY && one.ballVx === other.ballVx &&
    one.ballVy === other.ballVy && one.score === other.score && one.hits === other.hits && one.steep === other.steep &&
    one.building === other.building && one.bricks.every((brick, i) => brick === other.bricks[i]);
}
