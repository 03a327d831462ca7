// The latents of a seed, as PyTorch draws them on a CPU: image i of seed s is
// torch.randn(z_dim, generator=torch.Generator().manual_seed(mix(s, i))), and mix is half of a BLAKE2b digest.

const MASK = (1n << 64n) - 1n;
const rotated = (x, n) => ((x >> BigInt(n)) | (x << BigInt(64 - n))) & MASK;
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4], [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13], [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11], [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5], [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
const IV = [
  0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n,
];
const LANES = [
  [0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15],
  [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14],
];

// The first eight bytes of BLAKE2b with a digest of eight bytes, as a little-endian number (RFC 7693, one block).
function blake2b8(text) {
  const bytes = new Uint8Array(128);
  const given = new TextEncoder().encode(text);
  if (given.length > 128) throw new Error("text of more than one block");
  bytes.set(given);
  const words = new DataView(bytes.buffer);
  const m = Array.from({ length: 16 }, (_, i) => words.getBigUint64(8 * i, true));
  const h0 = IV[0] ^ 0x01010008n;
  const v = [h0, ...IV.slice(1), ...IV];
  v[12] ^= BigInt(given.length);
  v[14] ^= MASK;
  for (let round = 0; round < 12; round++) {
    const s = SIGMA[round % 10];
    LANES.forEach(([a, b, c, d], i) => {
      v[a] = (v[a] + v[b] + m[s[2 * i]]) & MASK;
      v[d] = rotated(v[d] ^ v[a], 32);
      v[c] = (v[c] + v[d]) & MASK;
      v[b] = rotated(v[b] ^ v[c], 24);
      v[a] = (v[a] + v[b] + m[s[2 * i + 1]]) & MASK;
      v[d] = rotated(v[d] ^ v[a], 16);
      v[c] = (v[c] + v[d]) & MASK;
      v[b] = rotated(v[b] ^ v[c], 63);
    });
  }
  return h0 ^ v[0] ^ v[8];
}

// visavis.core.mix: a 63-bit seed from whole numbers.
function mix(...numbers) {
  return blake2b8(numbers.map(String).join(",")) >> 1n;
}

// The Mersenne Twister, seeded with the low 32 bits as torch seeds it; returns a function for 32-bit numbers.
function mersenne(seed) {
  const state = new Uint32Array(624);
  state[0] = Number(seed & 0xffffffffn);
  for (let i = 1; i < 624; i++) {
    const before = state[i - 1] ^ (state[i - 1] >>> 30);
    state[i] = Math.imul(1812433253, before) + i;
  }
  let next = 624;
  return () => {
    if (next === 624) {
      for (let i = 0; i < 624; i++) {
        const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
        state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      next = 0;
    }
    let y = state[next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}

// torch.randn(n) of a CPU generator.  From 16 numbers on it takes 24 bits each, in blocks of 16 (radius and angle
// eight places apart, a last part block redone over the last 16); below, 53 bits each, two normals from two draws.
function randn(n, seed) {
  const random = mersenne(seed);
  const z = new Float32Array(n);
  if (n < 16) {
    const uniform = () => {
      const high = random() & 0x1fffff;
      return (high * 2 ** 32 + random()) / 2 ** 53;
    };
    for (let i = 0; i < n; i += 2) {
      const angle = 2 * Math.PI * uniform();
      const radius = Math.sqrt(-2 * Math.log1p(-uniform()));
      z[i] = radius * Math.cos(angle);
      if (i + 1 < n) z[i + 1] = radius * Math.sin(angle);
    }
    return z;
  }
  const uniform = () => (random() & 0xffffff) / 2 ** 24;
  const block = (first) => {
    for (let i = first; i < first + 8; i++) {
      const radius = Math.sqrt(-2 * Math.log(1 - z[i]));
      const angle = 2 * Math.PI * z[i + 8];
      z[i] = radius * Math.cos(angle);
      z[i + 8] = radius * Math.sin(angle);
    }
  };
  for (let i = 0; i < n; i++) z[i] = uniform();
  for (let first = 0; first + 16 <= n; first += 16) block(first);
  if (n % 16) {
    for (let i = n - 16; i < n; i++) z[i] = uniform();
    block(n - 16);
  }
  return z;
}

// Latents of image `index` of `seed`.
function latents(seed, index, zDim) {
  return randn(zDim, mix(seed, index));
}

// Along the great circle from a (t = 0) to b (t = 1), the length interpolated too (visavis.models.paths.slerp).
function slerp(a, b, t) {
  const norm = (x) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
  const [na, nb] = [norm(a), norm(b)];
  const cosine = a.reduce((sum, value, i) => sum + (value / na) * (b[i] / nb), 0);
  const angle = Math.acos(Math.min(1 - 1e-6, Math.max(-1 + 1e-6, cosine)));
  const [wa, wb] = [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
  return a.map((value, i) => wa * value + wb * b[i]);
}
