//! What pages read of the server's health.

use super::model::Health;
use crate::{browser::data, error::AppResult};

/// The page and what it reads go by the same address.
pub const ADDRESS: &str = "/admin/health";

pub fn read_health() -> impl Future<Output = AppResult<Health>> + Send + 'static {
    data::get(ADDRESS.to_owned())
}
