package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// cluster is a file for Kubernetes, in the types that a cluster takes it for.
type cluster struct {
	files map[string]*core.ConfigMap
	disks map[string]*core.PersistentVolumeClaim
	cron  *batch.CronJob
}

// objects reads a file strictly: a key that a cluster does not know, or one that
// is there twice, is an error.
func objects(t *testing.T, name string) cluster {
	t.Helper()
	c := cluster{files: map[string]*core.ConfigMap{}, disks: map[string]*core.PersistentVolumeClaim{}}
	for _, text := range strings.Split(deployFile(t, name), "\n---\n") {
		var kind struct {
			Kind     string
			Metadata struct{ Name string }
		}
		if err := yaml.Unmarshal([]byte(text), &kind); err != nil {
			t.Fatal(err)
		}
		var into any
		switch named := kind.Metadata.Name; kind.Kind {
		case "ConfigMap":
			c.files[named] = &core.ConfigMap{}
			into = c.files[named]
		case "PersistentVolumeClaim":
			c.disks[named] = &core.PersistentVolumeClaim{}
			into = c.disks[named]
		case "CronJob":
			c.cron = &batch.CronJob{}
			into = c.cron
		default:
			t.Fatalf("%s: got kind %q, which this test does not know", name, kind.Kind)
		}
		data, err := yaml.YAMLToJSONStrict([]byte(text))
		if err != nil {
			t.Fatalf("%s: %s: %v", name, kind.Kind, err)
		}
		unknown, err := json.UnmarshalStrict(data, into) // as a cluster does, also with the case of letters
		if err := errors.Join(append(unknown, err)...); err != nil {
			t.Fatalf("%s: %s: %v", name, kind.Kind, err)
		}
	}
	if c.cron == nil || c.cron.APIVersion != "batch/v1" {
		t.Fatalf("%s: got %v, want a CronJob", name, c.cron)
	}
	return c
}

func (c cluster) job() batch.JobSpec { return c.cron.Spec.JobTemplate.Spec }

func (c cluster) pod() core.PodSpec { return c.job().Template.Spec }

func (c cluster) container() core.Container { return c.pod().Containers[0] }

var kubernetesFiles = []string{"kubernetes/cronjob.yaml", "kubernetes/accounts.yaml"}

// value is what a pointer points to, and the zero value where it points nowhere.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// One run at a time, every night once, and with time to end in good order.
func TestDeployCronJobs(t *testing.T) {
	for _, name := range kubernetesFiles {
		t.Run(name, func(t *testing.T) {
			c := objects(t, name)
			cron, pod := c.cron.Spec, c.pod()
			if cron.ConcurrencyPolicy != batch.ForbidConcurrent || value(cron.TimeZone) != "Etc/UTC" {
				t.Errorf("got concurrencyPolicy %s, timeZone %s", cron.ConcurrencyPolicy, value(cron.TimeZone))
			}
			if !regexp.MustCompile(`^[1-9]\d* \d+ \* \* \*$`).MatchString(cron.Schedule) {
				t.Errorf("got schedule %s, want one of every night off the full hour", cron.Schedule)
			}
			if got := value(cron.StartingDeadlineSeconds); got < 600 || got >= 86400 {
				t.Errorf("got startingDeadlineSeconds %d, want time for a cluster that is away, and less than a day", got)
			}
			if got := value(c.job().ActiveDeadlineSeconds); got < 3600 || got+value(pod.TerminationGracePeriodSeconds) >= 86400 {
				t.Errorf("got activeDeadlineSeconds %d, want an end before the next night", got)
			}
			if got, want := time.Duration(value(pod.TerminationGracePeriodSeconds))*time.Second, shortestStop(t); got < want {
				t.Errorf("got terminationGracePeriodSeconds %s, want at least %s", got, want)
			}
			if pod.RestartPolicy != core.RestartPolicyNever {
				t.Errorf("got restartPolicy %s, want Never", pod.RestartPolicy)
			}
		})
	}
}

// A pod may do nothing but run the program, as the image's user.
func TestDeployPodsAreConfined(t *testing.T) {
	uid, gid := imageUser(t)
	for _, name := range kubernetesFiles {
		pod := objects(t, name).pod()
		if len(pod.Containers) != 1 || len(pod.InitContainers) > 0 {
			t.Fatalf("%s: got %d containers, want one", name, len(pod.Containers))
		}
		of, in := pod.SecurityContext, pod.Containers[0].SecurityContext
		for what, ok := range map[string]bool{
			"runAsNonRoot":             value(of.RunAsNonRoot),
			"the image's user":         value(of.RunAsUser) == uid && value(of.RunAsGroup) == gid && value(of.FSGroup) == gid,
			"fsGroupChangePolicy":      value(of.FSGroupChangePolicy) == core.FSGroupChangeOnRootMismatch,
			"seccompProfile":           value(of.SeccompProfile).Type == core.SeccompProfileTypeRuntimeDefault,
			"readOnlyRootFilesystem":   value(in.ReadOnlyRootFilesystem),
			"allowPrivilegeEscalation": in.AllowPrivilegeEscalation != nil && !*in.AllowPrivilegeEscalation,
			"capabilities":             slices.Equal(in.Capabilities.Drop, []core.Capability{"ALL"}) && len(in.Capabilities.Add) == 0,
			"no token of the cluster":  pod.AutomountServiceAccountToken != nil && !*pod.AutomountServiceAccountToken,
			"no service links":         pod.EnableServiceLinks != nil && !*pod.EnableServiceLinks,
			"resources":                !pod.Containers[0].Resources.Limits.Memory().IsZero() && !pod.Containers[0].Resources.Requests.Cpu().IsZero(),
			"no host":                  !pod.HostNetwork && !pod.HostPID && !pod.HostIPC && in.RunAsUser == nil && in.RunAsNonRoot == nil,
		} {
			if !ok {
				t.Errorf("%s: %s is not as it should be", name, what)
			}
		}
	}
}

// volume is what is mounted at a path of a container.
func (c cluster) volume(mount core.VolumeMount) core.VolumeSource {
	for _, v := range c.pod().Volumes {
		if v.Name == mount.Name {
			return v.VolumeSource
		}
	}
	return core.VolumeSource{}
}

// mounted is where a container finds the volume that a path of it is on.
func (c cluster) mounted(file string) (core.VolumeSource, string) {
	for _, mount := range c.container().VolumeMounts {
		if file == mount.MountPath || strings.HasPrefix(file, mount.MountPath+"/") {
			return c.volume(mount), mount.MountPath
		}
	}
	return core.VolumeSource{}, ""
}

// What must outlive a pod is on a disk that the file asks for, and what the program
// reads is in the file.
func TestDeployPodsKeepTheirState(t *testing.T) {
	for _, name := range kubernetesFiles {
		c := objects(t, name)
		for _, index := range c.indices() {
			words, env := c.line(t, index, canary)
			cmd := nightly(t, words)
			for _, kept := range []string{variable(env, "SFTCTL_STATE_DIR"), cmd.Flags().Lookup("reports").Value.String(), cmd.Flags().Lookup("metrics-file").Value.String()} {
				source, at := c.mounted(kept)
				if source.PersistentVolumeClaim == nil || c.disks[source.PersistentVolumeClaim.ClaimName] == nil || kept == at {
					t.Errorf("%s: %q is on no disk of the file", name, kept)
				}
			}
			for _, read := range append(cmd.Flags().Args(), cmd.Flags().Lookup("config").Value.String()) {
				source, at := c.mounted(read)
				if source.ConfigMap == nil || c.files[source.ConfigMap.Name] == nil || c.files[source.ConfigMap.Name].Data[strings.TrimPrefix(read, at+"/")] == "" {
					t.Errorf("%s: %s is in no ConfigMap of the file", name, read)
				}
			}
		}
		for _, disk := range c.disks {
			if modes := disk.Spec.AccessModes; len(modes) != 1 || modes[0] != core.ReadWriteOnce && modes[0] != core.ReadWriteOncePod {
				t.Errorf("%s: got access modes %v: locks do not hold between nodes", name, modes)
			}
		}
	}
}

// An account that fails stops no other, and is not tried again.
func TestDeployAccountsAreIndexed(t *testing.T) {
	one, many := objects(t, kubernetesFiles[0]), objects(t, kubernetesFiles[1])
	if job := one.job(); job.BackoffLimit == nil || *job.BackoffLimit != 0 || job.CompletionMode != nil || job.Completions != nil {
		t.Errorf("got %+v, want one pod that is not tried again", job)
	}
	job := many.job()
	if value(job.CompletionMode) != batch.IndexedCompletion || job.BackoffLimitPerIndex == nil || *job.BackoffLimitPerIndex != 0 || job.BackoffLimit != nil || job.MaxFailedIndexes != nil {
		t.Errorf("got %+v, want an Indexed job in which each index fails for itself", job)
	}
	if n := value(job.Parallelism); n < 1 || n > 4 {
		t.Errorf("got parallelism %d: that many may send a refused password, and the platform locks the user", n)
	}
	affinity := many.pod().Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	if len(affinity) != 1 || affinity[0].TopologyKey != "kubernetes.io/hostname" || !maps.Equal(affinity[0].LabelSelector.MatchLabels, job.Template.Labels) {
		t.Errorf("got %v, want all pods of the job on one node, where the disk is", affinity)
	}
}

// indices are the indices of a job; one that has none has one pod.
func (c cluster) indices() (all []string) {
	for i := range max(value(c.job().Completions), 1) {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// line is what a cluster runs for an index, and in which environment, by its rules:
// a variable knows those before it, an argument all.
func (c cluster) line(t *testing.T, index, password string) (words, env []string) {
	t.Helper()
	for _, text := range said(stages(t)[1], "ENV") {
		env = append(env, strings.Fields(text)...)
	}
	for _, v := range c.container().Env {
		switch from := v.ValueFrom; {
		case from == nil:
			env = append(env, v.Name+"="+expanded(env, v.Value))
		case from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.annotations['"+batch.JobCompletionIndexAnnotation+"']":
			env = append(env, v.Name+"="+index)
		case from.SecretKeyRef != nil && from.SecretKeyRef.Key == "password":
			env = append(env, v.Name+"="+password)
		case from.SecretKeyRef == nil || !value(from.SecretKeyRef.Optional):
			t.Fatalf("got %v, which nobody gives", v)
		}
	}
	words = entrypoint(t)
	if command := c.container().Command; len(command) > 0 {
		words = command
	}
	for _, arg := range c.container().Args {
		words = append(words, expanded(env, arg))
	}
	return words, env
}

// expanded is a text with its $(VARIABLE)s as far as they are known.
func expanded(env []string, text string) string {
	return regexp.MustCompile(`\$\(\w+\)`).ReplaceAllStringFunc(text, func(name string) string {
		if known := variable(env, name[2:len(name)-1]); known != "" {
			return known
		}
		return name
	})
}

// variable is the last value of a variable.
func variable(env []string, name string) (value string) {
	for _, setting := range env {
		if text, ok := strings.CutPrefix(setting, name+"="); ok {
			value = text
		}
	}
	return value
}

// mount puts the volumes of a pod into place as a cluster does: the keys of a
// ConfigMap are links, through a link to a folder that is replaced as a whole, and a
// disk is its group's.
func (h *host) mount(c cluster) {
	h.Helper()
	for _, m := range c.container().VolumeMounts {
		source := c.volume(m)
		if source.ConfigMap == nil {
			h.folder(m.MountPath, 0o775)
			continue
		}
		var linked []error
		for key, text := range c.files[source.ConfigMap.Name].Data {
			if key == "config.yaml" {
				text += "rate: 1000\n"
			}
			h.put(path.Join(m.MountPath, "..2026_11_29_04_17_00.123456789", key), text, 0o644)
			linked = append(linked, os.Symlink("..data/"+key, h.path(path.Join(m.MountPath, key))))
		}
		linked = append(linked, os.Symlink("..2026_11_29_04_17_00.123456789", h.path(path.Join(m.MountPath, "..data"))))
		if err := errors.Join(linked...); err != nil {
			h.Fatal(err)
		}
	}
}

// pod runs the pod of an index.
func (h *host) pod(c cluster, index, password string) (code int, output string) {
	h.Helper()
	words, env := c.line(h.T, index, password)
	return h.exec(h.movedAll(env), h.movedAll(words)...)
}

func TestDeployCronJobRuns(t *testing.T) {
	t.Parallel()
	c := objects(t, "kubernetes/cronjob.yaml")
	h := newHost(t)
	h.mount(c)
	words, _ := c.line(t, "0", canary)
	h.nights(nightly(t, words), 2, func() (int, string) { return h.pod(c, "0", canary) })
}

// All accounts run at once, each with a state of its own, and the next night finds
// nothing to do.
func TestDeployAccountsRun(t *testing.T) {
	t.Parallel()
	c := objects(t, "kubernetes/accounts.yaml")
	h := newHost(t, reseller...)
	h.mount(c)
	for night, want := range []int{len(c.indices()), 0} {
		before := h.mutations()
		var all sync.WaitGroup
		for _, index := range c.indices() {
			all.Go(func() {
				if code, out := h.pod(c, index, canary); code != 0 {
					t.Errorf("night %d of %s: got exit code %d\n%s", night+1, index, code, out)
				}
			})
		}
		all.Wait()
		if got := h.mutations() - before; got != want {
			t.Errorf("night %d: got %d calls that change something, want %d", night+1, got, want)
		}
		for _, index := range c.indices() {
			words, _ := c.line(t, index, canary)
			h.left(nightly(t, words), night+1, want/len(c.indices()))
		}
	}
	for _, what := range []string{"state/accounts/*/lock", "reports/*", "*.prom"} {
		if found, _ := filepath.Glob(h.path("/var/lib/sftctl/" + what)); len(found) != len(c.indices()) {
			t.Errorf("got %v, want one for each of %d accounts", found, len(c.indices()))
		}
	}
}

// One login that is refused is refused once, and not for each account.
func TestDeployAccountsShareARefusal(t *testing.T) {
	t.Parallel()
	c := objects(t, "kubernetes/accounts.yaml")
	h := newHost(t, reseller...)
	h.mount(c)
	for _, index := range c.indices() {
		if code, out := h.pod(c, index, "another"); code != 7 {
			t.Errorf("%s: got exit code %d, want 7\n%s", index, code, out)
		}
	}
	if got := h.logins(); got != 1 {
		t.Errorf("got %d logins with a password that was refused, want 1", got)
	}
}
