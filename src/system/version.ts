/** The version of mailgw, which both programs print: that of the package.json nearest above the compiled file. */
import { readFileSync } from 'node:fs';

/** Reads the version. */
export function version(): string {
  const found: unknown = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  return typeof found === 'object' && found !== null && 'version' in found
    ? String(found.version)
    : 'unknown';
}
