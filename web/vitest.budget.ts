// Runs the bundle budget, which needs a finished build in dist/.
import { defineConfig } from "vitest/config";

export default defineConfig({ test: { include: ["test/budget.test.ts"] } });
