{{- /* The parts that the pods of workers and gateways share. Each takes (list $ "worker"). */ -}}

{{- /* Variables. Secrets come as names of files. (list $ "worker" (list KEY OF THE SECRET …) (dict NAME VALUE …)) */ -}}
{{- define "shopstream.env" -}}
{{- $root := index . 0 -}}
{{- $own := index $root.Values (index . 1) -}}
- { name: SHOPSTREAM_APP_KEY, value: {{ required "appKey is missing: the key of your app from TikTok's Partner Center, as --set-string appKey=…" $root.Values.appKey | quote }} }
{{- range $key := index . 2 }}
- { name: {{ $key | trimSuffix "_worker" | trimSuffix "_gateway" | upper | printf "SHOPSTREAM_%s_FILE" }}, value: /run/secrets/shopstream/{{ $key }} }
{{- end }}
{{- with $root.Values.serviceId }}
- { name: SHOPSTREAM_SERVICE_ID, value: {{ . | quote }} }
{{- end }}
{{- with include "shopstream.url" $root }}
- { name: SHOPSTREAM_GATEWAY_URL, value: {{ . | quote }} }
{{- end }}
{{- range $settings := list (index . 3) $root.Values.settings $own.settings }}
{{- range $name, $value := $settings }}
- { name: {{ $name | upper | printf "SHOPSTREAM_%s" }}, value: {{ include "shopstream.text" $value | quote }} }
{{- end }}
{{- end }}
{{- with $root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* All of a pod but its containers and its end. (list $ "worker" (list KEY OF THE SECRET …)) */ -}}
{{- define "shopstream.pod" -}}
{{- $root := index . 0 -}}
{{- $own := index $root.Values (index . 1) -}}
serviceAccountName: {{ include "shopstream.serviceAccount" $root }}
automountServiceAccountToken: false
# A Service with the name shopstream-health would else set SHOPSTREAM_HEALTH_PORT, to tcp://….
enableServiceLinks: false
# The kernel spares process 1 the alarm by which a hanging process ends itself. Here Kubernetes' own process is the first.
shareProcessNamespace: true
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  # Owns the files of the Secret, which nobody else can read.
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
topologySpreadConstraints:
{{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "shopstream.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- with $own.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $own.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: secrets
    secret:
      secretName: {{ $own.secret }}
      defaultMode: 0440
      items:
{{- range $key := index . 2 }}
        - { key: {{ $key }}, path: {{ $key }} }
{{- end }}
{{- with $root.Values.redisCa.configMap }}
  - name: redis-ca
    configMap:
      name: {{ . }}
      items: [{ key: {{ $root.Values.redisCa.key }}, path: ca.crt }]
{{- end }}
{{- end -}}

{{- /* All of a container but its command, ports, probes and variables. */ -}}
{{- define "shopstream.container" -}}
{{- $root := index . 0 -}}
{{- $own := index $root.Values (index . 1) -}}
image: {{ include "shopstream.image" $root | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
resources:
  {{- toYaml $own.resources | nindent 2 }}
volumeMounts:
  - { name: secrets, mountPath: /run/secrets/shopstream, readOnly: true }
{{- if $root.Values.redisCa.configMap }}
  - { name: redis-ca, mountPath: /etc/shopstream/redis-ca, readOnly: true }
{{- end }}
{{- end -}}
