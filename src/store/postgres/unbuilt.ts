/** A port that is not built yet. */
export function unbuilt<Port>(names: readonly (keyof Port & string)[]): Port {
  const methods = names.map((name): [string, unknown] => [
    name,
    () => Promise.reject(new Error(`${name} is not built yet`)),
  ]);
  return Object.fromEntries(methods) as Port;
}
