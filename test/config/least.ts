// The least configuration that is sound, and what a configuration with more in it is read as.

import type { Config } from '../../src/site/config.ts';
import { readConfig } from '../../src/site/config.ts';

/** The least configuration. */
export const LEAST = `
[reply]
domain = "reply.example.org"
[sender]
policy = "off"
[sink]
type = "webhook"
url = "https://tracker.example.org/hooks/mail"
`;

/** The configuration of a sound file. */
export function configOf(source: string): Config {
  const loaded = readConfig(source);
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  return loaded.config;
}

/** Every problem of a file. */
export function problemsOf(source: string): readonly string[] {
  const loaded = readConfig(source);
  return loaded.ok ? [] : loaded.problems;
}
