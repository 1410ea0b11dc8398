//! The form of the settings, which works without JavaScript, too. Everything else is under `/api/v1`.

use leptos::prelude::*;

use super::model::SettingsForm;
use crate::error::AppResult;

/// Saves how one is told.
#[server(name = SaveNotifications, prefix = "/fn", endpoint = "save-notifications")]
pub async fn save_notifications(form: SettingsForm) -> AppResult<()> {
    use crate::{features::notifications::service, server::forms};
    let ctx = forms::context()?;
    let saved = async {
        let before = service::preferences(&ctx).await?;
        service::change_preferences(&ctx, form.changes(&before)?).await
    };
    forms::stay(saved.await.map(drop), "/settings/notifications")
}
