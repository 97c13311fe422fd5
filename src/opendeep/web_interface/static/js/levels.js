// How loud samples are. Pure.

export const FLOOR_DB = -60;

/** RMS of samples from -1 to 1 in dBFS, never below `FLOOR_DB`. */
export function levelDb(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const power = samples.length > 0 ? sum / samples.length : 0;
  return power > 0 ? Math.max(FLOOR_DB, 10 * Math.log10(power)) : FLOOR_DB;
}
