// Relay's artifacts import each other the way a bundler reads them: without an ending.
export function resolve(specifier, context, next) {
  return next(specifier.endsWith(".graphql") ? `${specifier}.js` : specifier, context);
}
