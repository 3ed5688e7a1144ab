/** Names in the file: how a property is spelt there, and what to say of one that is unknown. */

/** Gives the name of a property in the file: snake case without the unit. */
export function tomlKey(property: string): string {
  return property.replace(/(Ms|Bytes)$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Says that a key is unknown, and which known one is near. */
export function unknownKey(key: string, known: readonly string[]): string {
  const near = known.find((candidate) => distanceAtMostTwo(candidate, key));
  return `${key}: unknown key${near === undefined ? '' : `; did you mean ${near}?`}`;
}

/** Tells whether two words are within two edits: enough to notice a slip of the pen. */
function distanceAtMostTwo(a: string, b: string): boolean {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, change));
    }
    row = next;
  }
  return (row[b.length] ?? 3) <= 2;
}

/** Tells a table of the file. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
