import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

/** Beside each file a compressed copy: the gateway sends that one and compresses nothing while it serves. */
const compressed: Plugin = {
  name: "compressed",
  apply: "build",
  async writeBundle({ dir }, bundle) {
    for (const name of Object.keys(bundle).filter((each) => each !== "index.html")) {
      const path = join(dir!, name);
      await writeFile(`${path}.gz`, gzipSync(await readFile(path), { level: 9 }));
    }
  },
};

export default defineConfig({
  // Where the gateway serves the page is where its files are.
  base: "/graphql/",
  plugins: [compressed],
  build: {
    // The content security policy allows no data: for scripts and icons, and names with hashes may be kept for ever.
    assetsInlineLimit: 0,
    // The editor is one large piece of code whatever is done; it comes after the page is there.
    chunkSizeWarningLimit: 6000,
    rolldownOptions: {
      // "use client" speaks to servers that render React; there is none.
      onLog: (level, log, handle) => log.code === "MODULE_LEVEL_DIRECTIVE" || handle(level, log),
    },
  },
});
