// The key leaves the address before the editor's megabytes are asked for.
import "./session";
import "./style.css";

void import("./app");
