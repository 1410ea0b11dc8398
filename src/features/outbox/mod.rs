//! What was done without a network, or before the server answered: what people see of it. The work is done by `browser::outbox`, `web/outbox` and `web/sw`.

pub mod state;
pub mod ui;
