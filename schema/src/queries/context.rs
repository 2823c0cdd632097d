//! Rows that the context of an attempt is made from. None of them is logged: they hold secrets.

use crate::error::Error;
use crate::limits::IDS_PER_STATEMENT_MAX;
use crate::sql::Sql;
use crate::store::Store;
use diesel::QueryableByName;
use diesel::sql_types::{Integer, Nullable, Text};
use orca_engine::codes::{DataType, Direct};
use orca_engine::model::{DataSource, Property};

#[derive(QueryableByName)]
struct ParameterRow {
    #[diesel(sql_type = Text)]
    param_name: String,
    #[diesel(sql_type = Text)]
    param_value: String,
    #[diesel(sql_type = Nullable<Text>)]
    param_data_type: Option<String>,
}

#[derive(QueryableByName)]
struct TextRow {
    #[diesel(sql_type = Nullable<Text>)]
    text: Option<String>,
}

#[derive(QueryableByName)]
struct GroupRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Text>)]
    addr_list: Option<String>,
}

#[derive(QueryableByName)]
struct DataSourceRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Integer)]
    db_type: i32,
    #[diesel(sql_type = Text)]
    connection_params: String,
}

impl Store {
    /// The parameters of a project, by id. A type that no `DataType` has is read as absent.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn project_parameters(&self, project_code: i64) -> Result<Vec<Property>, Error> {
        let sql = Sql::fixed(
            "read project parameters",
            "SELECT param_name, param_value, param_data_type FROM t_ds_project_parameter WHERE project_code = ? ORDER BY id",
        );
        let rows = self.reader()?.rows::<ParameterRow>(sql.bind(project_code))?;
        Ok(rows.into_iter().map(property).collect())
    }

    /// The shell text of an environment; `None` when there is no such row.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn environment_config(&self, code: i64) -> Result<Option<String>, Error> {
        let sql = Sql::fixed(
            "read an environment",
            "SELECT config AS text FROM t_ds_environment WHERE code = ?",
        );
        let row = self.reader()?.rows::<TextRow>(sql.bind(code))?.pop();
        Ok(row.map(|row| row.text.unwrap_or_default()))
    }

    /// The data sources with these ids, as far as there are rows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn data_sources(&self, ids: &[i32]) -> Result<Vec<DataSource>, Error> {
        let mut connection = self.reader()?;
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_PER_STATEMENT_MAX) {
            let text = "SELECT id, type AS db_type, connection_params FROM t_ds_datasource WHERE id IN ";
            let sql = Sql::batch("read data sources", text)
                .list(ids.iter().copied())
                .then(" ORDER BY id");
            found.extend(connection.rows::<DataSourceRow>(sql)?);
        }
        let source = |row: DataSourceRow| DataSource {
            id: row.id,
            db_type: row.db_type,
            connection_params: row.connection_params,
        };
        Ok(found.into_iter().map(source).collect())
    }

    /// The configuration (JSON) of the cluster of that name; `None` when there is no such row.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn cluster_config(&self, name: &str) -> Result<Option<String>, Error> {
        let sql = Sql::fixed(
            "read a cluster",
            "SELECT config AS text FROM t_ds_cluster WHERE name = ?",
        );
        let row = self.reader()?.rows::<TextRow>(sql.bind(name))?.pop();
        Ok(row.map(|row| row.text.unwrap_or_default()))
    }

    /// Every worker group with its addresses. The group `default` needs no row.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn worker_groups(&self) -> Result<Vec<(String, Vec<String>)>, Error> {
        let sql = Sql::fixed(
            "read worker groups",
            "SELECT name, addr_list FROM t_ds_worker_group ORDER BY id",
        );
        let rows = self.reader()?.rows::<GroupRow>(sql)?;
        let addresses = |list: Option<String>| {
            let list = list.unwrap_or_default();
            list.split(',')
                .map(str::trim)
                .filter(|address| !address.is_empty())
                .map(str::to_owned)
                .collect()
        };
        Ok(rows
            .into_iter()
            .map(|row| (row.name, addresses(row.addr_list)))
            .collect())
    }

    /// The name of a user; `None` when there is no such row.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn user_name(&self, id: i32) -> Result<Option<String>, Error> {
        let sql = Sql::fixed(
            "read a user",
            "SELECT user_name AS text FROM t_ds_user WHERE id = ?",
        );
        let row = self.reader()?.rows::<TextRow>(sql.bind(id))?.pop();
        Ok(row.map(|row| row.text.unwrap_or_default()))
    }
}

fn property(row: ParameterRow) -> Property {
    let data_type = row
        .param_data_type
        .and_then(|name| serde_json::from_value::<DataType>(serde_json::Value::String(name)).ok());
    Property {
        prop: Some(row.param_name),
        direct: Some(Direct::In),
        data_type,
        value: Some(row.param_value),
    }
}
