// Header buttons.

function changeTheme() {
  const isDark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = isDark ? "light" : "dark";
}

byId("theme").addEventListener("click", changeTheme);
byId("help-button").addEventListener("click", () => byId("help").showModal());
