// A sign-in link carries its token after #, which no server and no log ever sees.
"use strict";
function enter() {
  const token = decodeURIComponent(location.hash.slice(1));
  if (!token) return;
  history.replaceState(null, "", location.pathname);
  document.getElementById("token").value = token;
  document.getElementById("token").form.submit();
}
document.addEventListener("DOMContentLoaded", enter);
addEventListener("hashchange", enter);
