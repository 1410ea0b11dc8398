//! The only SQL on `deliveries`, `delivery_payloads` and the `webhook_…` tables.

pub mod deliveries;
pub mod networks;
pub mod secrets;
