/// <reference types="vitest/config" />
// How the console is built. Everything is served from one origin; nothing is inlined, so that a
// content security policy without unsafe-inline holds.
import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

const centre = process.env.PICKET_CENTRE ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [vue()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  define: { __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false" },
  build: { target: "es2022", manifest: true, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { proxy: { "/api": { target: centre, ws: true } } },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/budget.test.ts"],
    environment: "node",
    testTimeout: 60_000, // the contract is read whole, also on a busy machine
  },
});
