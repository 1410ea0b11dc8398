//! Answers as tables, in the form of RFC 4180, for spreadsheets.

use llmos_analytics::model::{Dashboard, Row};
use serde_json::Value;

use crate::error::AppResult;

/// Each number of a dashboard on a line: where it stands, and what it is.
pub fn dashboard_csv(dashboard: &Dashboard) -> AppResult<String> {
    let mut table = String::from("number,value\r\n");
    leaves(&mut table, &mut String::new(), &serde_json::to_value(dashboard)?);
    Ok(table)
}

fn leaves(table: &mut String, path: &mut String, value: &Value) {
    let length = path.len();
    let mut step = |name: &str, value: &Value| {
        if length > 0 {
            path.push('.');
        }
        path.push_str(name);
        leaves(table, path, value);
        path.truncate(length);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| step(name, value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| step(&at.to_string(), value)),
        Value::Null => line(table, &[path, ""]),
        Value::String(text) => line(table, &[path, text]),
        other => line(table, &[path, &other.to_string()]),
    }
}

/// One event on a line.
pub fn rows_csv(rows: &[Row]) -> String {
    let mut table = String::from("at,kind,person,personName,subject,subjectName,href,amount,extra\r\n");
    for row in rows {
        let at = crate::server::clock::rfc3339(row.at);
        let (amount, extra) = (row.amount.to_string(), row.extra.to_string());
        line(&mut table, &[&at, &row.kind, &row.person, &row.person_name, &row.subject, &row.subject_name, &row.href, &amount, &extra]);
    }
    table
}

fn line(table: &mut String, fields: &[&str]) {
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            table.push(',');
        }
        // What begins like a formula is text: a spreadsheet would run it. Numbers are none.
        let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']) && field.parse::<f64>().is_err();
        if formula || field.contains(['"', ',', '\r', '\n']) {
            table.push('"');
            if formula {
                table.push('\'');
            }
            table.push_str(&field.replace('"', "\"\""));
            table.push('"');
        } else {
            table.push_str(field);
        }
    }
    table.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_keeps_its_place_and_runs_nothing() {
        let mut table = String::new();
        line(&mut table, &["a", "b, \"c\"", "=1+1", "-5", "@x"]);
        assert_eq!(table, "a,\"b, \"\"c\"\"\",\"'=1+1\",-5,\"'@x\"\r\n");
    }

    #[test]
    fn each_number_has_a_line() {
        let csv = dashboard_csv(&Dashboard::default()).expect("a table");
        assert!(csv.contains("\r\nsessions.total,0\r\n") && csv.contains("\r\ncollaboration.calendarFrom,1970-01-01\r\n"), "{csv}");
    }
}
