// Fails when an entry of package-lock.json has no SHA-512 of its package: npm ci would then take whatever it is given.
// Usage: node .ci/lock.mjs [FILE]

import { readFileSync } from 'node:fs';

const file = process.argv[2] ?? 'package-lock.json';
const entries = Object.entries(JSON.parse(readFileSync(file, 'utf8')).packages).filter(
  ([path, { link }]) => path !== '' && link !== true,
);
const bare = entries.filter(([, { integrity = '' }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity));
for (const [path, { version }] of bare) console.error(`${file}: ${path} ${version}: no sha512 integrity`);
if (bare.length > 0) {
  console.error(
    `${bare.length} of ${entries.length} packages cannot be verified; where there is no node_modules: npm install --package-lock-only`,
  );
  process.exit(1);
}
console.log(`${file}: ${entries.length} packages, each with its sha512`);
