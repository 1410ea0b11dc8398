//! The app in the browser: it starts and reads without a network, is installed, and is renewed without interrupting anybody. The work is done by `browser::pwa`,
//! `web/pwa` and `web/sw`; here is what people see of it.

pub mod pins;
pub mod state;
pub mod ui;
