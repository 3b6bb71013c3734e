// The rules of Breakout: the state of a game, and what one frame does. Mirrors rlbreakout/breakout/rules.py, which
// explains the oddities.

import {
  BALL_HEIGHT, BALL_WIDTH, BRICK_HEIGHT, BRICK_LINE, BRICK_POINTS, BRICK_ROWS, BRICK_WIDTH, BRICKS_IN_A_ROW,
  BRICKS_LEFT, BRICKS_TOP, FIRE, FLAT_FROM, FRAMES_TO_BUILD, HITS_AFTER_UPPER_ROWS, KNOB_LEAST, KNOB_MOST, KNOB_START,
  KNOB_STEP, LAST_FRAME, LAUNCH_COLUMNS, LAUNCH_DIRECTIONS, LAUNCH_LINE, LEFT, LEFT_FOOT, LEFT_WALL, LIVES, LOST_LINE,
  MOST_HITS, MOST_READING, NARROW_PADDLE, OFF_CENTRE, PADDLE_HEIGHT, PADDLE_LEFTMOST, PADDLE_RIGHTMOST, PADDLE_TOP,
  PIXEL, PIXEL_BITS, READINGS, RIGHT, RIGHT_FOOT, RIGHT_WALL, SIDE_WALLS_END, SPEEDS, TWICE_DRAWN, UPPER_WALL_LINE,
  WALL_END, WALL_POINTS, WIDE_PADDLE,
} from "./constants.js";

// A game just after reset. The fields and their units are those of STATE in Python.
export function newGame() {
  return {
    clock: 0, lives: LIVES, score: 0, shownLives: LIVES, shownScore: 0, building: FRAMES_TO_BUILD,
    ballX: -49 * PIXEL, ballY: 0, ballVx: 0, ballVy: 0, hits: 0,
    paddle: 99, reading: readingOf(KNOB_START), knob: KNOB_START,
    steep: false, met: false, broke: false, narrow: false,
    bricks: new Uint8Array(BRICK_ROWS.length * BRICKS_IN_A_ROW).fill(1),
  };
}

export function copyGame(from, into) {
  into.clock = from.clock;
  into.lives = from.lives;
  into.score = from.score;
  into.shownLives = from.shownLives;
  into.shownScore = from.shownScore;
  into.building = from.building;
  into.ballX = from.ballX;
  into.ballY = from.ballY;
  into.ballVx = from.ballVx;
  into.ballVy = from.ballVy;
  into.hits = from.hits;
  into.paddle = from.paddle;
  into.reading = from.reading;
  into.knob = from.knob;
  into.steep = from.steep;
  into.met = from.met;
  into.broke = from.broke;
  into.narrow = from.narrow;
  into.bricks.set(from.bricks);
  return into;
}

// Whether the last life is lost, or the clock has overflowed.
export const isOver = (game) => game.lives === 0 || game.clock >= LAST_FRAME;

// Play one frame and return its points.
export function oneFrame(game, action) {
  let points = 0;
  game.shownLives = game.lives; // drawn before the game moves on
  game.shownScore = game.score;
  game.clock += 1;
  if (game.clock === LAST_FRAME) {
    loseBall(game);
  } else if (game.ballY < PIXEL) {
    if (action === FIRE) launch(game);
  } else if (game.ballY >= LOST_LINE * PIXEL) {
    game.lives -= 1;
    loseBall(game);
    if (game.lives === 0) game.clock = 0; // the console resets it when the game is over
  }
  // Collisions on the previous picture take effect.
  if (game.building > 0 && game.clock < LAST_FRAME) {
    game.building -= 1;
    game.bricks.fill(1);
  } else if (game.ballY >= PIXEL) {
    meetPaddle(game);
    points = meetWalls(game);
  }
  // Then everything moves. The paddle follows the knob as it was read one frame ago.
  game.paddle = nextPaddle(game.paddle, game.reading);
  game.ballX += game.ballVx;
  game.ballY += game.ballVy;
  if (action === RIGHT || action === LEFT) {
    game.knob = nextKnob(game.knob, action);
    game.reading = readingOf(game.knob);
  }
  return points;
}

// Play one frame of a ball in play as if there were no paddle. Returns its points.
export function fly(game) {
  let points = 0;
  if (game.building > 0) {
    game.building -= 1;
    game.bricks.fill(1);
  } else {
    points = meetWalls(game);
  }
  game.ballX += game.ballVx;
  game.ballY += game.ballVy;
  return points;
}

const fraction = (position) => position & (PIXEL - 1); // as Python's %, also below 0

function launch(game) {
  const place = game.clock & 3;
  game.ballX = LAUNCH_COLUMNS[place] * PIXEL + fraction(game.ballX);
  game.ballY = LAUNCH_LINE * PIXEL + fraction(game.ballY);
  game.ballVx = LAUNCH_DIRECTIONS[place] * PIXEL;
  game.ballVy = PIXEL;
}

// The next ball starts with the column, the fractions of a pixel and the `steep` of this one.
function loseBall(game) {
  game.ballY = fraction(game.ballY);
  game.ballVx = game.ballVy = game.hits = 0;
  game.met = game.broke = game.narrow = false;
}

function meetPaddle(game) {
  const row = rowOfLine(game.ballY >> PIXEL_BITS);
  if (game.met || row <= PADDLE_TOP - BALL_HEIGHT || row >= PADDLE_TOP + PADDLE_HEIGHT) return;
  const column = game.ballX >> PIXEL_BITS, width = widthOf(game);
  if (game.paddle - BALL_WIDTH < column && column < game.paddle + width) {
    bounce(game, game.paddle + width / 2 - (column + BALL_WIDTH / 2) - 1);
  }
}

// Send the ball up from the paddle. `leftOfMiddle`: columns between the paddle's middle and the point to its left where
// the ball meets it; negative on the right half.
export function bounce(game, leftOfMiddle) {
  if (leftOfMiddle === 0) {
    game.ballX += game.ballVx < 0 ? OFF_CENTRE * PIXEL : -OFF_CENTRE * PIXEL;
    leftOfMiddle = 1;
  }
  game.steep = Math.abs(leftOfMiddle) < FLAT_FROM;
  if (game.hits < MOST_HITS) game.hits += 1;
  game.met = true;
  game.broke = false;
  turnBack(game);
  if ((game.ballVx < 0) !== (leftOfMiddle > 0)) game.ballVx = -game.ballVx;
  if (game.score === WALL_POINTS) game.building = 1;
}

// Collide with the upper wall, the bricks and the side walls; return the points.
function meetWalls(game) {
  if (game.ballY >> PIXEL_BITS <= UPPER_WALL_LINE) {
    game.narrow = true;
    game.met = game.broke = false;
    game.ballVy = -game.ballVy;
  }
  const points = meetBricks(game);
  meetSideWalls(game);
  return points;
}

function meetBricks(game) {
  if (game.broke || game.ballY >= WALL_END * PIXEL) return 0;
  const line = game.ballY >> PIXEL_BITS, column = game.ballX >> PIXEL_BITS;
  if (!touchesABrick(game.bricks, rowOfLine(line), column)) return 0;
  const row = Math.floor(Math.max(line - BRICK_LINE, 0) / BRICK_HEIGHT);
  const shift = row === 0 ? 1 : 0;
  const brick = clip(Math.floor((column - BRICKS_LEFT - shift) / BRICK_WIDTH), 0, BRICKS_IN_A_ROW - 1);
  if (!game.bricks[BRICKS_IN_A_ROW * row + brick]) return 0;
  game.bricks[BRICKS_IN_A_ROW * row + brick] = 0;
  game.met = false;
  game.broke = true;
  if (row < 3) { // red, orange or ochre
    game.hits = HITS_AFTER_UPPER_ROWS;
    game.steep = false;
  }
  turnBack(game);
  game.score += BRICK_POINTS[row];
  return BRICK_POINTS[row];
}

// Whether a ball drawn at this row and column of the screen overlaps a brick.
function touchesABrick(bricks, top, left) {
  for (let row = 0; row < BRICK_ROWS.length; row++) {
    const first = BRICKS_TOP + BRICK_HEIGHT * row;
    if (top <= first - BALL_HEIGHT || top >= first + BRICK_HEIGHT) continue;
    for (let column = left; column < left + BALL_WIDTH; column++) {
      const brick = Math.floor((column - BRICKS_LEFT) / BRICK_WIDTH);
      if (brick >= 0 && brick < BRICKS_IN_A_ROW && bricks[BRICKS_IN_A_ROW * row + brick]) return true;
    }
  }
  return false;
}

// Reverse the vertical direction, at the speed that belongs to the hits.
function turnBack(game) {
  const [across, along] = SPEEDS[game.hits >> 2][game.steep ? 1 : 0];
  game.ballVx = game.ballVx < 0 ? -across : across;
  game.ballVy = game.ballVy < 0 ? along : -along;
}

function meetSideWalls(game) {
  const line = game.ballY >> PIXEL_BITS, column = game.ballX >> PIXEL_BITS;
  if (line > SIDE_WALLS_END) return;
  let left = column <= LEFT_WALL, right = column >= RIGHT_WALL;
  if (line === SIDE_WALLS_END) {
    left = LEFT_FOOT[0] <= column && column <= LEFT_FOOT[1];
    right = RIGHT_FOOT[0] <= column && column <= RIGHT_FOOT[1];
  }
  if ((left && game.ballVx < 0) || (right && game.ballVx > 0)) game.ballVx = -game.ballVx;
}

// The paddle's column one frame later: half of the way to where the knob was read one frame ago.
export function nextPaddle(paddle, reading) {
  return clip((paddle + MOST_READING - reading) >> 1, PADDLE_LEFTMOST, PADDLE_RIGHTMOST);
}

// The knob's resistance after one frame of RIGHT or LEFT, in ohms.
export function nextKnob(knob, action) {
  return action === RIGHT ? Math.max(knob - KNOB_STEP, KNOB_LEAST) : Math.min(knob + KNOB_STEP, KNOB_MOST);
}

// What the game reads at one of the 101 resistances that the knob can have: three in each span of KNOB_STEP.
export function readingOf(knob) {
  const span = Math.floor(knob / KNOB_STEP), rest = knob % KNOB_STEP;
  const ladder = (rest > KNOB_LEAST % KNOB_STEP ? 1 : 0) + (rest > KNOB_MOST % KNOB_STEP ? 1 : 0);
  return READINGS[clip(3 * (span - Math.floor(KNOB_LEAST / KNOB_STEP)) + ladder, 0, READINGS.length - 1)];
}

export const widthOf = (game) => (game.narrow ? NARROW_PADDLE : WIDE_PADDLE);

// The row of the screen on which a line of the console's picture is first drawn.
export const rowOfLine = (line) => (line <= TWICE_DRAWN ? line + 8 : line + 9);

export const clip = (value, least, most) => (value < least ? least : value > most ? most : value);
