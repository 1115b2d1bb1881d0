// Starts the console.
import "./style/index.css"; // before the components: theirs come after and win
import { createApp } from "vue";
import App from "./App.vue";
import { router } from "./router";
import { setEndedHandler } from "./state/session";

setEndedHandler(() => {
  const here = router.currentRoute.value;
  if (here.name === "login") return;
  void router.push({ name: "login", query: { next: here.fullPath, why: "ended" } });
});

createApp(App).use(router).mount("#app");
