// One whole game by the rules of evaluation, frame by frame, in which somebody else may take the joystick. Mirrors
// evaluation in rlbreakout/envs/twin_vec_env.py, LaunchBall, IdleFrames and StalledGame of rlbreakout/wrappers.py, and
// rlbreakout/watch/game.py.

import { FIRE, LAST_FRAME, MOST_POINTS, NONE, PIXEL, STALLED_AFTER } from "./constants.js";
import { Blocks } from "./blocks.js";
import { choose } from "./network.js";
import { seedRandom } from "./random.js";
import { isOver, newGame, oneFrame } from "./rules.js";

export class Game {
  // policy: a Policy, or null if only a person plays. sticky: the probability that a frame repeats the action of the
  // frame before.
  constructor(policy, { seed, sticky, frameSkip, noopMax }) {
    Object.assign(this, { policy, seed, sticky, frameSkip });
    this.greedy = false;
    this.human = false; // somebody else plays, and launches the ball
    this.joystick = NONE; // what they do
    this.state = newGame();
    this.blocks = policy && new Blocks(policy.about.blocks);
    this.drawSticky = seedRandom(seed, 1);
    this.drawAction = seedRandom(seed, 2);
    this.frames = this.steps = 0;
    this.over = this.stalled = false;
    this.taken = null; // the action of the latest step
    this.executed = NONE; // what the emulator did in the latest frame
    this.waiting = true; // for a ball to be launched
    this.stepsWithoutPoints = 0;
    this.left = 0; // frames of this step that are still to be played
    const idle = noopMax && 1 + Math.floor(seedRandom(seed, 0)() * noopMax);
    for (; this.frames < idle; this.frames++) oneFrame(this.state, NONE);
  }

  // What the agent sees, and what it thinks of it: the probability of each action, and the return that it expects.
  think() {
    const seen = this.blocks.compute(this.state);
    return { seen, probabilities: this.policy.probabilities(seen), value: this.policy.expectedReturn(seen) };
  }

  decide() {
    const probabilities = this.policy.probabilities(this.blocks.compute(this.state));
    return choose(probabilities, this.greedy ? null : this.drawAction);
  }

  // Play one frame. A step of the agent holds its action for `frameSkip` frames; a person can change it in every frame.
  playFrame() {
    if (this.over) return;
    if (this.left === 0) this.beginStep();
    if (this.human) this.taken = this.joystick;
    if (this.drawSticky() >= this.sticky) this.executed = this.taken;
    this.points += oneFrame(this.state, this.executed);
    this.frames += 1;
    this.left -= 1;
    if (this.left === 0 || isOver(this.state)) this.endStep();
  }

  playStep() {
    do this.playFrame(); while (this.left > 0);
  }

  beginStep() {
    this.waiting &&= this.state.ballY < PIXEL;
    if (!this.human) this.taken = this.waiting ? FIRE : this.decide();
    this.left = this.frameSkip;
    this.points = 0;
    this.livesBefore = this.state.lives;
  }

  endStep() {
    const { lives, score, clock } = this.state;
    this.left = 0;
    this.steps += 1;
    this.stepsWithoutPoints = this.points > 0 ? 0 : this.stepsWithoutPoints + 1;
    const ended = lives === 0 || score >= MOST_POINTS || clock >= LAST_FRAME;
    this.stalled = this.stepsWithoutPoints >= STALLED_AFTER && !ended;
    this.over = ended || this.stalled;
    this.waiting ||= lives < this.livesBefore;
  }

  // Take the joystick, or give it back to the agent, which begins a step of its own.
  setHuman(human) {
    if (this.human === human) return;
    this.human = human;
    this.joystick = NONE;
    if (this.left > 0) this.endStep();
  }
}
