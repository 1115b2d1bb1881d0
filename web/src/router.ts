// The addresses of the console. Pages after the fleet are loaded when first visited.
import { createRouter, createWebHistory } from "vue-router";
import { resumeSession } from "@/state/session";
import FleetPage from "@/pages/FleetPage.vue";

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/", name: "fleet", component: FleetPage },
    {
      path: "/instances/:name",
      name: "instance",
      component: () => import("@/pages/InstancePage.vue"),
      props: true,
    },
    {
      path: "/sites/:name",
      redirect: (to) => ({ name: "fleet", query: { ...to.query, site: String(to.params.name) } }),
    },
    { path: "/assets", name: "assets", component: () => import("@/pages/AssetsPage.vue") },
    { path: "/alerts", name: "alerts", component: () => import("@/pages/AlertsPage.vue") },
    { path: "/drops", name: "drops", component: () => import("@/pages/DropsPage.vue") },
    {
      path: "/policies/:tab(acl|network|classes)",
      name: "rules",
      component: () => import("@/pages/RulesPage.vue"),
      props: true,
    },
    { path: "/rules", redirect: "/policies/acl" },
    { path: "/policies", redirect: "/policies/acl" },
    { path: "/reports", name: "reports", component: () => import("@/pages/ReportsPage.vue") },
    { path: "/snmp", name: "devices", component: () => import("@/pages/DevicesPage.vue") },
    {
      path: "/snmp/:instance/:device",
      name: "device",
      component: () => import("@/pages/DevicePage.vue"),
      props: true,
    },
    { path: "/probes", name: "probes", component: () => import("@/pages/ProbesPage.vue") },
    { path: "/settings", name: "settings", component: () => import("@/pages/SettingsPage.vue") },
    {
      path: "/login",
      name: "login",
      component: () => import("@/pages/LoginPage.vue"),
      meta: { open: true },
    },
    {
      path: "/:rest(.*)*",
      name: "missing",
      component: () => import("@/pages/MissingPage.vue"),
    },
  ],
  scrollBehavior(to, from, saved) {
    if (saved) return saved;
    return to.path === from.path ? false : { top: 0 };
  },
});

router.beforeEach(async (to) => {
  if (to.meta.open) return true;
  try {
    if (await resumeSession()) return true;
  } catch {
    // The sign-in page says that the centre does not answer, and tries again.
    return { name: "login", query: { next: to.fullPath, why: "no_answer" } };
  }
  return { name: "login", query: to.fullPath === "/" ? {} : { next: to.fullPath } };
});
