//! EXEC: the procedures of CDC, of the system, and `sim.…`, the controls of tests.

use super::{Halt, Session};
use crate::cdc::{self, EnableTable};
use crate::error::{Result, SqlError};
use crate::sql::plan::{Plan, Typed};
use crate::sql::syntax::{Argument, Name};
use crate::store::Lsn;
use crate::tds::{Named, Parameter};
use crate::value::{Column, SqlType as T, Value, convert, to_text};

/// An argument: its name, type and value.
type Given = (Option<String>, T, Value);

/// `@P1 int, @P2 nvarchar(4000)` as variables.
pub(super) fn declared_parameters(text: &str) -> Result<Vec<(String, T, Value)>> {
    let mut variables = Vec::new();
    let (mut depth, mut start) = (0, 0);
    let mut parts = Vec::new();
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    for part in parts.into_iter().map(str::trim).filter(|p| !p.is_empty()) {
        let (name, ty) =
            part.split_once(char::is_whitespace).ok_or_else(|| SqlError::syntax(part))?;
        let ty = ty.trim().trim_start_matches("AS ");
        let lower = ty.to_ascii_lowercase();
        let ty = lower
            .trim_end_matches("output")
            .trim_end_matches("out")
            .split('=')
            .next()
            .unwrap_or_default();
        variables.push((name.to_lowercase(), T::parse(ty)?, Value::Null));
    }
    Ok(variables)
}

/// Looks arguments up by name or place.
pub(super) struct Arguments(Vec<Given>);

impl Arguments {
    fn get(&self, index: usize, name: &str) -> Option<&Given> {
        self.0
            .iter()
            .find(|(n, ..)| n.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(name)))
            .or_else(|| self.0.get(index).filter(|(n, ..)| n.is_none()))
    }

    pub(super) fn text(&self, index: usize, name: &str) -> Option<String> {
        self.get(index, name)
            .filter(|(.., v)| !v.is_null())
            .map(|(_, ty, value)| to_text(value, *ty, 0))
    }

    pub(super) fn required(&self, index: usize, name: &str, procedure: &str) -> Result<String> {
        self.text(index, name).ok_or_else(|| SqlError::new(201, format!("Procedure or function '{procedure}' expects parameter '{name}', which was not supplied.")))
    }

    fn number(&self, index: usize, name: &str) -> Option<i64> {
        let (_, ty, value) = self.get(index, name)?;
        convert(value.clone(), *ty, T::BigInt).ok()?.as_int()
    }

    fn lsn(&self, index: usize, name: &str) -> Option<Lsn> {
        self.get(index, name)?.2.as_bytes().map(Lsn::from_bytes)
    }
}

impl Session {
    pub(super) fn exec(
        &mut self,
        result: Option<&str>,
        name: &Name,
        arguments: &[Argument],
    ) -> std::result::Result<(), Halt> {
        let mut given = Vec::new();
        for argument in arguments {
            let (value, ty) = self.value(&argument.value)?;
            given.push((argument.name.clone(), ty, value));
        }
        let status = if name.procedure() == "sp_executesql" {
            self.executesql_text(&given)?
        } else {
            self.procedure(name, given)?
        };
        if let Some(variable) = result {
            self.core
                .variables
                .borrow_mut()
                .insert(variable.to_lowercase(), (T::Int, status.into()));
        }
        Ok(())
    }

    /// A call whose rows are caught.
    pub(crate) fn exec_for_rows(&mut self, name: &Name, arguments: &[Argument]) -> Result<()> {
        self.exec(None, name, arguments).map_err(|halt| match halt {
            Halt::Raised(error) => error,
            _ => SqlError::cancelled(),
        })
    }

    /// Catches the rows that `run` would have sent.
    pub(crate) fn captured(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<Vec<Vec<(T, Value)>>> {
        let outer = self.capture.replace(Vec::new());
        let done = run(self);
        let rows = std::mem::replace(&mut self.capture, outer).unwrap_or_default();
        done.map(|()| rows)
    }

    /// `EXEC sp_executesql N'…', N'@x int', @x = 1`
    fn executesql_text(&mut self, given: &[Given]) -> std::result::Result<i32, Halt> {
        let text = |i: usize| given.get(i).map(|(_, ty, v)| to_text(v, *ty, 0)).unwrap_or_default();
        let values = given.iter().skip(2).map(|(name, ty, value)| Parameter {
            name: name.clone().unwrap_or_default(),
            output: false,
            column: Column { ty: *ty, nullable: true },
            value: value.clone(),
        });
        let values = values.collect();
        self.with_parameters(&text(0), &text(1), values)
    }

    pub(super) fn procedure(
        &mut self,
        name: &Name,
        given: Vec<Given>,
    ) -> std::result::Result<i32, Halt> {
        let a = Arguments(given);
        let procedure = name.procedure();
        if let Some(control) = procedure.strip_prefix("sim.") {
            return self.control(control, &a).map(|()| 0).map_err(Halt::from);
        }
        if procedure.starts_with("sp_cdc_") {
            return self.cdc_procedure(&procedure, &a).map(|()| 0).map_err(Halt::from);
        }
        if self.property(&procedure, &a)? {
            return Ok(0);
        }
        match procedure.as_str() {
            "sp_getapplock" | "sp_releaseapplock" => {
                let resource = a.required(0, "@Resource", &procedure)?;
                if procedure == "sp_getapplock" {
                    let key = -(resource
                        .bytes()
                        .fold(7_i32, |h, b| h.wrapping_mul(31).wrapping_add(i32::from(b)))
                        & 0x3FFF_FFFF)
                        - 1;
                    self.take_lock(key)?;
                }
                Ok(0)
            }
            "sp_set_session_context"
            | "sp_reset_connection"
            | "sp_configure"
            | "sp_replflush"
            | "sp_addrolemember" => Ok(0),
            _ => {
                Err(SqlError::new(2812, format!("Could not find stored procedure '{name}'."))
                    .into())
            }
        }
    }

    pub(super) fn need_owner(&mut self) -> Result<()> {
        if self.context()?.is_owner() {
            return Ok(());
        }
        Err(SqlError::new(
            22_904,
            "Caller is not authorized to initiate the requested action. DBO privileges are required.",
        ))
    }

    fn cdc_procedure(&mut self, procedure: &str, a: &Arguments) -> Result<()> {
        let database = self.core.database.borrow().clone();
        let server = self.server().clone();
        if !procedure.starts_with("sp_cdc_help") && !procedure.starts_with("sp_cdc_get") {
            self.need_owner()?;
        }
        match procedure {
            "sp_cdc_enable_db" => cdc::enable_db(&server, &database)?,
            "sp_cdc_disable_db" => cdc::disable_db(&server, &database)?,
            "sp_cdc_enable_table" => {
                let arguments = EnableTable {
                    schema: a.required(0, "@source_schema", procedure)?,
                    name: a.required(1, "@source_name", procedure)?,
                    role: a
                        .get(3, "@role_name")
                        .or_else(|| a.get(2, "@role_name"))
                        .filter(|(.., v)| !v.is_null())
                        .map(|(_, ty, v)| to_text(v, *ty, 0)),
                    instance: a.text(2, "@capture_instance"),
                    net_changes: a.number(4, "@supports_net_changes").map(|n| n != 0),
                    index: a.text(5, "@index_name"),
                    columns: a.text(6, "@captured_column_list"),
                };
                cdc::enable_table(&server, &database, arguments)?;
            }
            "sp_cdc_disable_table" => {
                let (schema, table) = (
                    a.required(0, "@source_schema", procedure)?,
                    a.required(1, "@source_name", procedure)?,
                );
                cdc::disable_table(
                    &server,
                    &database,
                    &schema,
                    &table,
                    &a.required(2, "@capture_instance", procedure)?,
                )?;
            }
            "sp_cdc_cleanup_change_table" => {
                let low = a.lsn(1, "@low_water_mark");
                let mut world = server.world();
                let found = world.database(&database)?;
                let instance = a.required(0, "@capture_instance", procedure)?;
                cdc::clean_up(found, low, Some(&instance))?;
            }
            "sp_cdc_help_change_data_capture" => {
                let (schema, table) = (a.text(0, "@source_schema"), a.text(1, "@source_name"));
                let ctx = self.context()?;
                let state = ctx.state()?;
                if !state.cdc.enabled {
                    return Err(SqlError::new(
                        22_901,
                        format!(
                            "The database '{database}' is not enabled for Change Data Capture. Ensure that the correct database context is set and retry the operation. To report on the databases enabled for Change Data Capture, query the is_cdc_enabled column in the sys.databases catalog view."
                        ),
                    ));
                }
                let (columns, rows) = cdc::help_change_data_capture(&state.cdc, |i| {
                    schema.as_ref().is_none_or(|s| i.source.schema.eq_ignore_ascii_case(s))
                        && table.as_ref().is_none_or(|t| i.source.name.eq_ignore_ascii_case(t))
                        && ctx.may_read_instance(i)
                });
                self.send_rows(columns, rows)?;
            }
            "sp_cdc_get_ddl_history" => {
                let instance = a.required(0, "@capture_instance", procedure)?;
                let (columns, rows) = cdc::ddl_history(&self.context()?.state()?.cdc, &instance);
                self.send_rows(columns, rows)?;
            }
            "sp_cdc_scan" => {
                let number = |at, name, default| a.number(at, name).unwrap_or(default);
                let most = number(0, "@maxtrans", 500).saturating_mul(number(1, "@maxscans", 10));
                if number(2, "@continuous", 0) != 0 {
                    return Err(SqlError::unknown("sys.sp_cdc_scan with @continuous = 1"));
                }
                let max_is_null = server.options.unchanged_max_is_null;
                let most = usize::try_from(most).unwrap_or_default();
                cdc::jobs::scan(server.world().database(&database)?, most, max_is_null)?;
            }
            "sp_cdc_add_job" | "sp_cdc_drop_job" | "sp_cdc_start_job" | "sp_cdc_stop_job" => {
                let capture = a.text(0, "@job_type").unwrap_or_else(|| "capture".into());
                let verb = match procedure {
                    "sp_cdc_add_job" => cdc::jobs::Verb::Add {
                        start: a.number(1, "@start_job").is_none_or(|start| start != 0),
                    },
                    "sp_cdc_drop_job" => cdc::jobs::Verb::Drop,
                    "sp_cdc_start_job" => cdc::jobs::Verb::Start,
                    _ => cdc::jobs::Verb::Stop,
                };
                let max_is_null = server.options.unchanged_max_is_null;
                let mut world = server.world();
                cdc::jobs::change(world.database(&database)?, &capture, verb, max_is_null)?;
            }
            "sp_cdc_change_job" => {}
            other => return Err(SqlError::unknown(format!("the procedure sys.{other}"))),
        }
        Ok(())
    }

    /// The controls of [`crate::MssqlSim`], for those who have no Rust.
    fn control(&mut self, control: &str, a: &Arguments) -> Result<()> {
        let database = self.core.database.borrow().clone();
        let server = self.server().clone();
        let text = |i: usize, name: &str| a.required(i, name, control);
        let number =
            |i: usize, name: &str, default: i64| a.number(i, name).unwrap_or(default).max(0) as u64;
        match control {
            "agent" => crate::actions::agent(
                &server,
                &database,
                text(0, "@state")?.eq_ignore_ascii_case("on"),
            )?,
            "step" => {
                let done = crate::actions::step(
                    &server,
                    &database,
                    number(0, "@transactions", 1) as usize,
                )?;
                self.send_number("transactions", done as i64)?;
            }
            "idle" => crate::actions::idle(&server, &database)?,
            "advance" => crate::actions::advance(
                &server,
                std::time::Duration::from_secs(number(0, "@seconds", 0)),
            ),
            "clean_up" => crate::actions::clean_up(&server, &database, a.lsn(0, "@low"))?,
            "delay" => {
                server.faults.set_delay(std::time::Duration::from_millis(number(0, "@ms", 0)))
            }
            "row_delay" => {
                server.faults.set_row_delay(std::time::Duration::from_micros(number(0, "@us", 0)))
            }
            "fail" => {
                let error = number(0, "@number", 1205) as i32;
                crate::actions::fail(&server, error, &text(1, "@statement")?, number(2, "@nth", 1));
            }
            "disconnect" => crate::actions::disconnect_at(
                &server,
                &text(0, "@statement")?,
                number(1, "@nth", 1),
            ),
            "drop_connections" => drop(server.drop_connections()),
            "clear" => server.faults.clear(),
            other => {
                return Err(SqlError::new(
                    2812,
                    format!("Could not find stored procedure 'sim.{other}'."),
                ));
            }
        }
        Ok(())
    }

    fn send_number(&mut self, name: &str, number: i64) -> Result<()> {
        self.send_rows(
            vec![crate::sql::bind::view_column(name, T::BigInt)],
            vec![vec![number.into()]],
        )
    }

    /// A result set from rows that are there already.
    pub(crate) fn send_rows(&mut self, columns: Vec<Named>, rows: Vec<Vec<Value>>) -> Result<()> {
        let types: Vec<T> = columns.iter().map(|c| c.column.ty).collect();
        let rows = rows
            .into_iter()
            .map(|row| row.into_iter().zip(&types).map(|(v, ty)| Typed::constant(v, *ty)).collect())
            .collect();
        let ctx = self.context()?;
        let rows = self.send(&ctx, &Plan::Values { columns, rows })?;
        self.core.row_count.set(rows as i64);
        Ok(())
    }
}
