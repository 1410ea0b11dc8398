//! `llmos reindex`.

use super::{BoxError, client, followed, read};
use crate::server::config::Config;

pub async fn reindex(config: Config) -> Result<(), BoxError> {
    let client = client(config).await?;
    let made = async {
        let request = client.http.post(client.url("/admin/search/reindex"));
        followed(&client, read(request.send().await?).await?).await
    }
    .await;
    client.close().await;
    let report = made?.report.unwrap_or_default();
    println!("the search index has {} documents", report["documents"]);
    Ok(())
}
