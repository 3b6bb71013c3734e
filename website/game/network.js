// The trained policy: two networks of layers with ReLU between them, one for the actions and one for the value, and
// what they make of an observation. Mirrors ActorCriticPolicy of Stable-Baselines3 and rlbreakout/agents/thoughts.py.

export class Policy {
  // about: what policy.json says. weights: all of policy.bin, an ArrayBuffer of little-endian float32; for each layer
  // its weights, those of an input side by side, and its biases.
  constructor(about, weights) {
    this.about = about;
    let offset = 0;
    const take = (n) => {
      const part = readFloats(weights, offset, n);
      offset += 4 * n;
      return part;
    };
    const takeLayers = (sizes) => sizes.map(({ inputs, outputs }) => (
      { inputs, outputs, weights: take(inputs * outputs), biases: take(outputs) }
    ));
    this.actions = takeLayers(about.layers.actions);
    this.value = takeLayers(about.layers.value);
    if (offset !== weights.byteLength) throw new Error(`its weights are ${weights.byteLength} bytes, not ${offset}`);
  }

  // The probability of each action, `(4,)`: what a sampled action is drawn from.
  probabilities(observation) {
    const logits = pass(this.actions, observation), most = Math.max(...logits);
    const shares = Array.from(logits, (logit) => Math.exp(logit - most));
    const sum = shares.reduce((a, b) => a + b);
    return shares.map((share) => share / sum);
  }

  // The return that the agent expects, in the rewards that it was trained with.
  expectedReturn(observation) {
    return pass(this.value, observation)[0];
  }
}

// Draw an action with `random`, or take the most probable one without.
export function choose(probabilities, random = null) {
  if (random === null) return probabilities.indexOf(Math.max(...probabilities));
  let left = random();
  for (let action = 0; action < probabilities.length - 1; action++) {
    left -= probabilities[action];
    if (left < 0) return action;
  }
  return probabilities.length - 1;
}

// Load the policy whose files lie in a folder. Throws an Error of one line.
export async function loadPolicy(folder) {
  const load = async (name) => {
    const response = await fetch(new URL(name, folder));
    if (!response.ok) throw new Error(`${name} is missing (${response.status})`);
    return response;
  };
  const [about, weights] = await Promise.all([load("policy.json"), load("policy.bin")]);
  return new Policy(await about.json(), await weights.arrayBuffer());
}

function readFloats(buffer, offset, n) {
  const view = new DataView(buffer);
  return Float32Array.from({ length: n }, (_, i) => view.getFloat32(offset + 4 * i, true));
}

// Inputs that are 0 add nothing, and many are: broken bricks, and what a ReLU has cut off.
function pass(layers, observation) {
  let values = observation;
  layers.forEach(({ outputs, weights, biases }, layer) => {
    const sums = Float64Array.from(biases);
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (value === 0) continue;
      for (let output = 0, at = outputs * i; output < outputs; output++, at++) sums[output] += weights[at] * value;
    }
    values = layer < layers.length - 1 ? sums.map((sum) => Math.max(sum, 0)) : sums;
  });
  return values;
}
