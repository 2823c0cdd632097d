//! The same operations on the virtual database and on the real schema have the same results.

use orca_engine::codes::{
    CommandType, ExecutionType, Flag, Priority, TaskExecuteType, TaskState, WorkflowState,
};
use orca_engine::command::ClaimPlan;
use orca_engine::fence::{Fence, Incarnation};
use orca_engine::model::TaskInstance;
use orca_engine::time::Millis;
use orca_engine::workflow::{NodeId, TaskChange, Write};
use orca_schema::{
    ClaimOutcome, CommitError, Committed, DatabaseSettings, DeadMaster, NewDefinition, NewRun, NewTask,
    StepCommit,
};
use orca_simulator::chance::Chance;
use orca_simulator::store::{Answer, Ask, Body, Output, Read, Rows, Store};
use std::mem::discriminant;

const NOW: Millis = Millis(1_800_000_000_000);
const RUNS: usize = 4;
const OPERATIONS: usize = 120;
const SEEDS: u64 = 4;

struct Pair {
    real: orca_schema::Store,
    virtual_one: Store,
    chance: Chance,
    masters: Vec<Incarnation>,
    fences: Vec<Fence>,
    /// Inserted tasks, each with its workflow instance.
    tasks: Vec<(i32, i32)>,
    claims: usize,
    moves: usize,
    commits: usize,
    _folder: tempfile::TempDir,
}

fn definition() -> NewDefinition {
    NewDefinition {
        project: "project".to_owned(),
        name: "workflow".to_owned(),
        description: None,
        user_id: 1,
        global_params: Vec::new(),
        timeout_minutes: 0,
        execution_type: ExecutionType::Parallel,
        tasks: vec![NewTask::new(
            "a",
            "SHELL",
            r#"{"localParams":[],"rawScript":"true","resourceList":[]}"#,
        )],
    }
}

impl Pair {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("jdbc:sqlite:{}/orca.db", folder.path().display());
        let real = orca_schema::Store::open(&DatabaseSettings::new(url)).unwrap();
        real.migrate().unwrap();
        let (code, version) = real.save_definition(&definition()).unwrap();
        let ids: Vec<i32> = real
            .trigger(&vec![NewRun::manual(1, code, version); RUNS])
            .unwrap()
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let mut virtual_one = Store::default();
        for instance in real.load_instances(&ids).unwrap() {
            virtual_one.tables.submit(instance);
        }
        Self {
            real,
            virtual_one,
            chance: Chance::new(seed),
            masters: Vec::new(),
            fences: Vec::new(),
            tasks: Vec::new(),
            claims: 0,
            moves: 0,
            commits: 0,
            _folder: folder,
        }
    }

    fn ask(&mut self, ask: Ask) -> Option<Answer> {
        let work = self.virtual_one.ask((0, 1), 1, ask, 1_000);
        work.answers.into_iter().next().unwrap().2.ok()
    }

    fn write(&mut self, body: Body) -> Option<Output> {
        let Some(Answer::Prepared(id, _)) = self.ask(Ask::Begin(body)) else {
            return None;
        };
        match self.ask(Ask::Commit(id)) {
            Some(Answer::Committed(output)) => Some(output),
            other => panic!("{other:?}"),
        }
    }

    fn read(&mut self, read: Read) -> Rows {
        match self.ask(Ask::Read(read)) {
            Some(Answer::Rows(rows)) => rows,
            other => panic!("{other:?}"),
        }
    }

    fn one(&mut self) {
        match self.chance.below(8) {
            0 => self.register(),
            1 | 2 => self.claim(),
            3..=5 => self.commit(),
            6 => self.fail_over(),
            _ => self.look(),
        }
    }

    fn register(&mut self) {
        let address = ["a:1", "b:1"][self.chance.index(2)];
        let real = self.real.register_master(address).unwrap();
        match self.write(Body::RegisterMaster(address.to_owned())) {
            Some(Output::Registered(incarnation)) => assert_eq!(incarnation, real),
            other => panic!("{other:?}"),
        }
        self.masters.push(real);
    }

    /// The waiting commands, as some living, fenced or former incarnation.
    fn claim(&mut self) {
        if self.masters.is_empty() {
            return;
        }
        let owner = self.masters[self.chance.index(self.masters.len())].clone();
        let commands = self.real.fetch_commands(0, 1, 1, 2).unwrap();
        let Rows::Commands(batch) = self.read(Read::Commands {
            slot: 0,
            total: 1,
            len: 2,
        }) else {
            panic!("no commands")
        };
        let key = |command: &orca_engine::model::Command| {
            // The simulator starts its runs without parameters; what it moves carries what the real database gives it.
            let is_start = command.command_type == CommandType::StartProcess.code();
            (
                command.id,
                command.command_type,
                command.workflow_instance_id,
                command.command_param.clone().filter(|_| !is_start),
            )
        };
        assert_eq!(
            commands.iter().map(key).collect::<Vec<_>>(),
            batch.commands.iter().map(key).collect::<Vec<_>>()
        );
        let plans: Vec<ClaimPlan> = commands
            .iter()
            .map(|command| {
                let mut instance = self
                    .real
                    .load_instances(&[command.workflow_instance_id])
                    .unwrap()
                    .remove(0);
                instance.state = WorkflowState::RunningExecution;
                ClaimPlan {
                    command_id: command.id,
                    instance,
                    supersede: Vec::new(),
                    clone: Vec::new(),
                    reset: Vec::new(),
                    relink: Vec::new(),
                    attach: Vec::new(),
                }
            })
            .collect();
        if plans.is_empty() {
            return;
        }
        let real = self.real.claim(&owner, &plans, &|| true);
        let virtual_one = self.write(Body::Claim(owner, plans));
        match (real, virtual_one) {
            (Ok(real), Some(Output::Claimed(virtual_one))) => {
                let fence = |outcome: &ClaimOutcome| match outcome {
                    ClaimOutcome::Claimed { fence, .. } => Some(fence.clone()),
                    ClaimOutcome::NotMine | ClaimOutcome::Failed { .. } => None,
                };
                let fences: Vec<_> = real.iter().map(fence).collect();
                assert_eq!(fences, virtual_one.iter().map(fence).collect::<Vec<_>>());
                self.claims += fences.iter().flatten().count();
                self.fences.extend(fences.into_iter().flatten());
            }
            (Err(_), None) => {}
            (real, virtual_one) => panic!("{real:?} and {virtual_one:?}"),
        }
    }

    /// A step behind a current or a former fence, with a number that may have been used.
    fn commit(&mut self) {
        if self.fences.is_empty() {
            return;
        }
        let fence = self.fences[self.chance.index(self.fences.len())].clone();
        let step = i64::try_from(self.chance.between(1, 4)).unwrap();
        let writes = vec![self.some_write(fence.workflow_instance_id)];
        let instance = fence.workflow_instance_id;
        let commit = StepCommit { fence, step, writes };
        let real = self
            .real
            .commit(std::slice::from_ref(&commit), &|| true)
            .remove(0);
        let Some(Output::Steps(mut results)) = self.write(Body::Steps(vec![commit])) else {
            panic!("no answer")
        };
        match (real, results.remove(0)) {
            (Ok(Committed { task_ids }), Ok(virtual_one)) => {
                assert_eq!(task_ids, virtual_one.task_ids);
                self.commits += 1;
                self.tasks.extend(task_ids.into_iter().map(|id| (instance, id)));
            }
            (Err(real), Err(virtual_one)) => {
                assert_eq!(
                    discriminant::<CommitError>(&real),
                    discriminant(&virtual_one),
                    "{real:?}"
                );
            }
            (real, virtual_one) => panic!("{real:?} and {virtual_one:?}"),
        }
    }

    fn some_write(&mut self, instance: i32) -> Write {
        let own: Vec<i32> = self
            .tasks
            .iter()
            .filter(|(of, _)| *of == instance)
            .map(|(_, id)| *id)
            .collect();
        let known = (!own.is_empty()).then(|| own[self.chance.index(own.len())]);
        match (self.chance.below(10), known) {
            (0..=4, Some(id)) => Write::UpdateTask {
                id,
                change: TaskChange {
                    state: Some([TaskState::Dispatch, TaskState::Success][self.chance.index(2)]),
                    host: Some(Some("w:1".to_owned())),
                    flag: self.chance.one_in(5).then_some(Flag::No),
                    end_time: self.chance.one_in(3).then_some(Some(Millis(NOW.0 + 1_234))),
                    ..TaskChange::default()
                },
            },
            (5, _) => Write::SetState {
                state: WorkflowState::ReadyPause,
            },
            (6, _) if self.chance.one_in(4) => Write::Finish {
                state: WorkflowState::Success,
                end_time: NOW,
                var_pool: None,
                serial: false,
            },
            _ => Write::InsertTask {
                node: NodeId(0),
                row: Box::new(task(instance)),
            },
        }
    }

    fn fail_over(&mut self) {
        let dead = DeadMaster {
            address: ["a:1", "b:1"][self.chance.index(2)].to_owned(),
            epoch: i64::try_from(self.chance.below(4)).unwrap(),
        };
        self.real.fence_master(&dead).unwrap();
        self.write(Body::FenceMaster(dead.clone())).unwrap();
        let ids = self.real.instances_of_dead(&dead, 10).unwrap();
        let Rows::Ids(virtual_ids) = self.read(Read::OfDead {
            dead: dead.clone(),
            len: 10,
        }) else {
            panic!("no ids")
        };
        assert_eq!(ids, virtual_ids);
        let moved = self.real.move_instances(&dead, &ids, &|| true).unwrap();
        let Some(Output::Moved(virtual_moved)) = self.write(Body::Move(dead, ids)) else {
            panic!("not moved")
        };
        assert_eq!(moved, virtual_moved);
        self.moves += moved.len();
    }

    /// Every read that a decision rests on.
    fn look(&mut self) {
        let Rows::Hosts(hosts) = self.read(Read::Hosts) else {
            panic!("no hosts")
        };
        assert_eq!(self.real.hosts_with_instances().unwrap(), hosts);
        for address in ["a:1", "b:1"] {
            let Rows::LatestEpoch(epoch) = self.read(Read::LatestEpoch(address.to_owned())) else {
                panic!("no epoch")
            };
            assert_eq!(self.real.latest_epoch(address).unwrap(), epoch);
        }
        for fence in self.fences.clone() {
            let inserted = vec!["a".to_owned()];
            let real = self.real.read_step(&fence, &inserted).unwrap();
            let Rows::Step(virtual_one) = self.read(Read::Step { fence, inserted }) else {
                panic!("no step")
            };
            assert_eq!(real, virtual_one);
        }
        for (_, id) in self.tasks.clone() {
            let Rows::Attempt(virtual_one) = self.read(Read::Attempt(id)) else {
                panic!("no attempt")
            };
            assert_eq!(self.real.attempt(id).unwrap(), virtual_one);
        }
        self.compare_rows();
    }

    fn compare_rows(&self) {
        let tables = &self.virtual_one.tables;
        let ids: Vec<i32> = tables.instances.keys().copied().collect();
        for row in self.real.load_instances(&ids).unwrap() {
            let other = &tables.instances[&row.id];
            assert_eq!((row.state, &row.host), (other.state, &other.host));
        }
        let key = |task: &TaskInstance| {
            (
                task.id,
                task.state,
                task.host.clone(),
                task.submit_time,
                task.end_time,
            )
        };
        let real: Vec<_> = self
            .real
            .load_valid_tasks(&ids)
            .unwrap()
            .iter()
            .map(key)
            .collect();
        let virtual_one: Vec<_> = tables
            .tasks
            .values()
            .filter(|task| task.flag == Flag::Yes)
            .map(key)
            .collect();
        assert_eq!(real, virtual_one);
    }
}

fn task(workflow_instance_id: i32) -> TaskInstance {
    TaskInstance {
        id: 0,
        name: "a".to_owned(),
        task_type: "SHELL".to_owned(),
        task_execute_type: TaskExecuteType::Batch,
        task_code: 11,
        task_definition_version: 1,
        workflow_instance_id,
        workflow_instance_name: Some("workflow-1".to_owned()),
        project_code: 1,
        state: TaskState::SubmittedSuccess,
        submit_time: Some(Millis(NOW.0 + 567)),
        first_submit_time: Some(NOW),
        start_time: None,
        end_time: None,
        host: None,
        log_path: None,
        retry_times: 0,
        max_retry_times: 1,
        retry_interval: 1,
        app_link: None,
        task_params: Some("{}".into()),
        flag: Flag::Yes,
        priority: Priority::Medium,
        worker_group: Some("default".to_owned()),
        environment_code: -1,
        executor_id: 1,
        executor_name: Some("admin".to_owned()),
        delay_time: 0,
        var_pool: None,
        task_group_id: 0,
        dry_run: false,
        cpu_quota: -1,
        memory_max: -1,
    }
}

#[test]
fn the_virtual_database_answers_as_the_real_schema_does() {
    let (mut claims, mut moves, mut commits) = (0, 0, 0);
    for seed in 0..SEEDS {
        let mut pair = Pair::new(seed);
        for _ in 0..OPERATIONS {
            pair.one();
        }
        pair.look();
        claims += pair.claims;
        moves += pair.moves;
        commits += pair.commits;
    }
    assert!(
        claims > 4 && moves > 4 && commits > 10,
        "the operations meet each other: {claims} claims, {moves} moves, {commits} commits"
    );
}
