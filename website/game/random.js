// Random numbers with a seed. The same seed does not give the same games as in Python.

// A function that draws numbers in [0, 1): the generator sfc32 of Chris Doty-Humphrey's PractRand
// (https://pracrand.sourceforge.net), with its way of seeding. The streams of a seed are independent of each other.
export function seedRandom(seed, stream) {
  let a = 0, b = seed | 0, c = stream | 0, counter = 1;
  const draw = () => {
    const drawn = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + drawn) | 0;
    return (drawn >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 12; i++) draw();
  return draw;
}
