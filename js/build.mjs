// Bundles the front end into the one ESM that the wheel ships; --dev bundles the page in dev/ too.
import { build } from "esbuild";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

const options = {
  bundle: true,
  format: "esm",
  target: "es2022",
  loader: { ".css": "text" },
  legalComments: "none",
  logLevel: "warning",
};

await build({
  ...options,
  entryPoints: [join(here, "src/index.ts")],
  outfile: join(here, "../kf_widget/static/widget.js"),
  minify: true,
});

if (process.argv.includes("--dev")) {
  await build({
    ...options,
    entryPoints: [join(here, "dev/page.ts")],
    outfile: join(here, "dev/out/page.js"),
  });
}
