// Who is signed in. Starting a session starts the live connection, ending it stops everything.
import { computed, shallowRef } from "vue";
import * as api from "@/api";
import { startFleet, stopFleet } from "./fleet";
import { startLive, stopLive } from "./live";

export const session = shallowRef<api.Session | null>(null);
export const isAdmin = computed(() => session.value?.role === "admin");
/** Operators and administrators: who may change more than what they look at. */
export const isOperator = computed(() => isAdmin.value || session.value?.role === "operator");

let onEnded: () => void = () => {};

/** Tells whom to call when the centre ends the session (not when the person signs out). */
export function setEndedHandler(handler: () => void): void {
  onEnded = handler;
  api.setUnauthenticatedHandler(ended);
}

function begin(next: api.Session): void {
  session.value = next;
  api.setCsrf(next.csrf);
  startLive(ended);
  startFleet();
}

function forget(): void {
  session.value = null;
  api.setCsrf("");
  stopFleet();
  stopLive();
}

function ended(): void {
  if (!session.value) return;
  forget();
  onEnded();
}

/** Takes up the session that the cookie holds. False when there is none; throws when the centre
 * does not answer. */
export async function resumeSession(): Promise<boolean> {
  if (session.value) return true;
  try {
    begin(await api.getSession());
    return true;
  } catch (error) {
    if (error instanceof api.ApiError && error.status === 401) return false;
    throw error;
  }
}

export async function signIn(user: string, password: string): Promise<void> {
  begin(await api.signIn(user, password));
}

export async function signOut(): Promise<void> {
  try {
    await api.signOut();
  } finally {
    forget();
  }
}
