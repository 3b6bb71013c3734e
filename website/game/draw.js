// The screen of a game, pixel by pixel as the emulator draws it. Mirrors rlbreakout/breakout/draw.py.

import {
  BALL_HEIGHT, BALL_WIDTH, BLOCK_HEIGHT, BLOCK_WIDTH, BRICK_COLOURS, BRICK_HEIGHT, BRICK_ROWS, BRICK_WIDTH,
  BRICKS_BOTTOM, BRICKS_IN_A_ROW, BRICKS_TOP, DIGIT_HEIGHT, DIGIT_WIDTH, DIGITS, DIGITS_TOP, GAME_LEFT, GAME_RIGHT,
  GAME_TOP, HEIGHT, HUNDREDS, LAST_FRAME, LAST_LINE_RIGHT, LIVES_DIGIT, ONES, PADDLE_COLOUR, PADDLE_HEIGHT, PADDLE_TOP,
  PIXEL_BITS, RGB, SIDE_WALLS_END, TENS, TWICE_DRAWN, UPPER_WALL_LINE, UPPER_WALL_TOP, WALL_COLOUR, WIDTH,
} from "./constants.js";
import { rowOfLine, widthOf } from "./rules.js";

function fillBlock(screen, top, bottom, left, right, colour) {
  for (let row = top; row < bottom; row++) screen.fill(colour, WIDTH * row + left, WIDTH * row + right);
}

// What never changes, and a whole wall of bricks.
function makeStage() {
  const screen = new Uint8Array(HEIGHT * WIDTH);
  fillBlock(screen, UPPER_WALL_TOP, GAME_TOP, 0, WIDTH, WALL_COLOUR);
  fillBlock(screen, GAME_TOP, 189, 0, GAME_LEFT, WALL_COLOUR);
  fillBlock(screen, GAME_TOP, 189, GAME_RIGHT, WIDTH, WALL_COLOUR);
  fillBlock(screen, 189, 196, 0, GAME_LEFT, 182); // the blocks at the foot of the side walls
  fillBlock(screen, 189, 195, GAME_RIGHT, WIDTH, 70);
  fillBlock(screen, DIGITS_TOP, DIGITS_TOP + BLOCK_HEIGHT * DIGIT_HEIGHT, 136, 140, WALL_COLOUR); // player 1
  BRICK_ROWS.forEach(({ top }, row) => {
    fillBlock(screen, top, top + BRICK_HEIGHT, GAME_LEFT, GAME_RIGHT, BRICK_COLOURS[row]);
  });
  return screen;
}

const STAGE = makeStage();

// The pixels of an ImageData as 32-bit words, for each colour number.
const PIXELS = new Uint32Array(new Uint8Array(RGB.flatMap((colour) => [...colour, 255])).buffer);

// Draw a game in the emulator's colour numbers, into a Uint8Array of 210 x 160.
export function draw(game, screen) {
  screen.set(STAGE);
  if (game.clock < LAST_FRAME) { // then the demonstration begins, which shows the last two digits only
    drawDigit(screen, Math.floor(game.shownScore / 100) % 10, HUNDREDS);
    drawDigit(screen, game.shownLives, LIVES_DIGIT);
  }
  drawDigit(screen, Math.floor(game.shownScore / 10) % 10, TENS);
  drawDigit(screen, game.shownScore % 10, ONES);
  BRICK_ROWS.forEach(({ top }, row) => {
    for (let brick = 0; brick < BRICKS_IN_A_ROW; brick++) {
      if (game.bricks[BRICKS_IN_A_ROW * row + brick]) continue;
      const left = GAME_LEFT + BRICK_WIDTH * brick;
      fillBlock(screen, top, top + BRICK_HEIGHT, left, left + BRICK_WIDTH, 0);
    }
  });
  const right = Math.min(game.paddle + widthOf(game), WIDTH - 1);
  fillBlock(screen, PADDLE_TOP, PADDLE_TOP + PADDLE_HEIGHT, game.paddle, right, PADDLE_COLOUR);
  drawBall(screen, game.ballX >> PIXEL_BITS, game.ballY >> PIXEL_BITS);
}

// Turn colour numbers into the pixels of an ImageData, given as a Uint32Array of 210 x 160.
export function colour(screen, pixels) {
  for (let i = 0; i < screen.length; i++) pixels[i] = PIXELS[screen[i]];
}

function drawBall(screen, left, line) {
  const end = Math.min(line + BALL_HEIGHT, SIDE_WALLS_END + 1);
  for (let drawn = Math.max(line, UPPER_WALL_LINE); drawn < end; drawn++) {
    const right = Math.min(left + BALL_WIDTH, drawn === SIDE_WALLS_END ? LAST_LINE_RIGHT[line % 2] : GAME_RIGHT);
    const first = Math.max(left, GAME_LEFT), rows = drawn === TWICE_DRAWN ? 2 : 1;
    for (let row = rowOfLine(drawn); row < rowOfLine(drawn) + rows; row++) {
      if (first < right) fillBlock(screen, row, row + 1, first, right, colourAt(row));
    }
  }
}

// Colour of the ball on a row: that of the upper wall or the row of bricks there, below them the paddle's.
function colourAt(row) {
  if (row < BRICKS_TOP) return WALL_COLOUR;
  return row < BRICKS_BOTTOM ? BRICK_COLOURS[Math.floor((row - BRICKS_TOP) / BRICK_HEIGHT)] : PADDLE_COLOUR;
}

function drawDigit(screen, digit, left) {
  for (let row = 0; row < DIGIT_HEIGHT; row++) {
    for (let column = 0; column < DIGIT_WIDTH; column++) {
      if (!DIGITS[digit][row][column]) continue;
      const top = DIGITS_TOP + BLOCK_HEIGHT * row, x = left + BLOCK_WIDTH * column;
      fillBlock(screen, top, top + BLOCK_HEIGHT, x, x + BLOCK_WIDTH, WALL_COLOUR);
    }
  }
}
