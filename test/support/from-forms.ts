// From values as people's programs write them, and as somebody would who wants two readers to see two authors.

const NAMES = [
  'Ann @ Acme',
  'Ann, Acme: Sales',
  'Ann; Acme',
  'Ann (Acme',
  'Ann Acme)',
  'Ann (Acme) (Sales), Ltd',
  'Ann "Nick',
  'Ann Nick"',
  '"Ann "Nick" Acme"',
  'Ann [Acme]',
  'Ann [Acme',
  'Acme: Ann, Ben; Eve',
  'alice@example.com [Acme]',
  'Ann, alice@example.com',
  "O'Ann: Acme",
  'Ann. Acme, Inc.',
  'Acme: alice@example.com',
  'alice@example.com: Acme',
  '@Acme',
];

const FORGERIES = [
  'm@evil.example',
  'm @ evil.example',
  'm@evil . example',
  'm@(c)evil.example',
  '"m"@evil.example',
  'm@evil.example,',
  'm@evil.example;',
  '(m@evil.example)',
  '"m@evil.example',
  '[m@evil.example]',
  '@evil.example:',
  '<m@evil.example>',
  '"<m@evil.example>',
  '<>',
  '=?utf-8?q?m=40evil.example?=',
  '=?utf-8?q?=3Cm=40evil.example=3E?=',
  '=?utf-8?q?=22?= m@evil.example',
  'evil.example',
  '%evil.example',
  'Team: m@evil.example;',
];

const ADDRESS = '<alice@example.com>';

/** Every form of the name before the bracketed address, with and without another address in it. */
export function fromForms(): readonly string[] {
  const plain = NAMES.map((name) => `${name} ${ADDRESS}`);
  // In one place each, turn and turn about: a message takes a tenth of a second to go through a filter.
  const mixed = NAMES.flatMap((name, row) =>
    FORGERIES.map((forgery, column) =>
      (row + column) % 2 === 0 ? `${name} ${forgery} ${ADDRESS}` : `${forgery} ${name} ${ADDRESS}`,
    ),
  );
  const twice = NAMES.flatMap((first) => NAMES.map((second) => `${first} ${second} ${ADDRESS}`));
  return [...plain, ...twice, ...FORGERIES.map((forgery) => `${forgery} ${ADDRESS}`), ...mixed];
}
