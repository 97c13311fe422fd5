// G.711 µ-law (ITU-T G.711): bytes to samples from -1 to 1, and back. Pure.

export const SILENCE = 0xff;
const BIAS = 132;
const CLIP = 32_635;

const SAMPLES = Float32Array.from({ length: 256 }, (_, byte) => {
  const code = ~byte & 0xff;
  const magnitude = ((((code & 15) << 3) + BIAS) << ((code >> 4) & 7)) - BIAS;
  return (byte & 0x80 ? magnitude : -magnitude) / 32_768;
});

/** One sample for each byte. */
export function decode(bytes) {
  const samples = new Float32Array(bytes.length);
  for (let at = 0; at < bytes.length; at += 1) samples[at] = SAMPLES[bytes[at]];
  return samples;
}

/** One byte for each sample; what is louder than full scale is clipped. */
export function encode(samples) {
  const bytes = new Uint8Array(samples.length);
  for (let at = 0; at < samples.length; at += 1) {
    const value = Math.round(samples[at] * 32_768) || 0;
    const magnitude = Math.min(Math.abs(value), CLIP) + BIAS;
    const exponent = 24 - Math.clz32(magnitude);
    const mantissa = (magnitude >> (exponent + 3)) & 15;
    bytes[at] = ~((value < 0 ? 0x80 : 0) | (exponent << 4) | mantissa) & 0xff;
  }
  return bytes;
}
