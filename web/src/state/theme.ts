// Light, dark or the system's. The choice is kept in this browser; theme.js sets it before the
// first paint of the next visit.
import { computed, ref } from "vue";

export type Theme = "system" | "light" | "dark";
export const THEMES: readonly Theme[] = ["system", "light", "dark"];
const STORE = "picket.theme";

const root = document.documentElement;
const systemDark = matchMedia("(prefers-color-scheme: dark)");
const system = ref(systemDark.matches);
systemDark.addEventListener("change", (e) => (system.value = e.matches));

export const theme = ref<Theme>((root.dataset.theme as Theme | undefined) ?? "system");

export const isDark = computed(() =>
  theme.value === "system" ? system.value : theme.value === "dark",
);

export function setTheme(choice: Theme): void {
  theme.value = choice;
  if (choice === "system") delete root.dataset.theme;
  else root.dataset.theme = choice;
  try {
    if (choice === "system") localStorage.removeItem(STORE);
    else localStorage.setItem(STORE, choice);
  } catch {
    // No storage: the choice lasts as long as the page.
  }
}
